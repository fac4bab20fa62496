import { exa } from '../../../src/mcp-servers/exa.ts'
import type { VendorSpec } from '../replica.ts'

const failed = (status: number, tag: string, headers: Record<string, string> = {}) => ({
  status,
  headers,
  body: { requestId: 'r1', error: `it was ${tag}`, tag },
})

export const exaSpec: VendorSpec = {
  server: exa,
  keysVariable: 'EXA_API_KEYS',
  urlVariables: ['EXA_URL'],
  keyIn: 'header x-api-key',
  paths: {
    '/search': [
      'query',
      'type',
      'numResults',
      'category',
      'includeDomains',
      'excludeDomains',
      'startPublishedDate',
      'endPublishedDate',
      'userLocation',
      'contents',
    ],
    '/contents': ['urls', 'text', 'highlights', 'summary', 'maxAgeHours', 'subpages'],
    '/answer': ['query', 'text', 'userLocation'],
  },
  good: {
    tool: 'web_search',
    args: { query: 'pages about tidal energy' },
    reply: {
      body: {
        requestId: 'r1',
        results: [
          {
            id: 'https://tides.example/',
            url: 'https://tides.example/',
            title: 'Tides',
            publishedDate: '2026-09-30T00:00:00Z',
            author: 'A. Nemo',
            score: 0.31,
            highlights: ['Tides give power.'],
          },
          {
            id: 'https://waves.example/',
            url: 'https://waves.example/',
            title: 'Waves',
            highlights: ['Waves too.'],
          },
        ],
        warnings: [],
        costDollars: { total: 0.007 },
        searchTime: 812,
      },
    },
  },
  errors: [
    { title: 'a bad body', reply: failed(400, 'INVALID_REQUEST_BODY'), kind: 'bad_request', requests: 1 },
    {
      title: 'too many results requested',
      reply: failed(400, 'NUM_RESULTS_EXCEEDED'),
      kind: 'bad_request',
      requests: 1,
    },
    { title: 'a wrong key', reply: failed(401, 'INVALID_API_KEY'), kind: 'auth', requests: 1 },
    { title: 'no credits', reply: failed(402, 'NO_MORE_CREDITS'), kind: 'quota', requests: 1 },
    {
      title: "the key's budget used up",
      reply: failed(402, 'API_KEY_BUDGET_EXCEEDED'),
      kind: 'quota',
      requests: 1,
    },
    { title: 'a feature not in the plan', reply: failed(403, 'FEATURE_DISABLED'), kind: 'auth', requests: 1 },
    {
      title: 'a site that refuses robots',
      reply: failed(403, 'ROBOTS_FILTER_FAILED'),
      kind: 'blocked',
      requests: 1,
    },
    { title: 'prohibited content', reply: failed(403, 'PROHIBITED_CONTENT'), kind: 'blocked', requests: 1 },
    { title: 'a request that took too long', reply: failed(408, 'TIMEOUT'), kind: 'timeout', requests: 1 },
    { title: 'a retired path', reply: failed(410, 'RESEARCH_RETIRED'), kind: 'bad_request', requests: 1 },
    {
      title: 'an unprocessable body',
      reply: failed(422, 'INVALID_REQUEST'),
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'the rate limit, with a short wait',
      reply: failed(429, 'RATE_LIMIT', { 'retry-after': '2' }),
      kind: 'rate_limit',
      requests: 3,
    },
    {
      title: 'the rate limit, with a long wait',
      reply: failed(429, 'RATE_LIMIT', { 'retry-after': '120' }),
      kind: 'rate_limit',
      requests: 1,
    },
    { title: 'an overload', reply: failed(503, 'SERVICE_OVERLOADED'), kind: 'upstream', requests: 3 },
  ],
}
