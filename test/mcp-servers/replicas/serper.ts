import { serper } from '../../../src/mcp-servers/serper.ts'
import type { VendorSpec } from '../replica.ts'

const locale = ['q', 'gl', 'hl', 'location', 'num', 'page', 'tbs', 'autocorrect']

export const serperSpec: VendorSpec = {
  server: serper,
  keysVariable: 'SERPER_API_KEYS',
  urlVariables: ['SERPER_URL', 'SERPER_SCRAPE_URL'],
  keyIn: 'header x-api-key',
  paths: {
    '/search': locale,
    '/(news|images|videos|places|shopping|scholar|autocomplete)': locale,
    '/maps': [...locale, 'll', 'placeId', 'cid'],
    '/patents': ['q', 'num', 'page'],
    '/reviews': ['cid', 'fid', 'placeId', 'sortBy', 'topicId', 'nextPageToken', 'gl', 'hl'],
    '/lens': ['url', 'gl', 'hl'],
    '/account': [],
    '/': ['url', 'includeMarkdown'],
  },
  good: {
    tool: 'web_search',
    args: { query: 'tidal energy' },
    reply: {
      body: {
        searchParameters: {
          q: 'tidal energy',
          gl: 'us',
          hl: 'en',
          num: 10,
          page: 1,
          type: 'search',
          engine: 'google',
        },
        answerBox: {
          title: 'Tidal power',
          snippet: 'Power from tides.',
          link: 'https://tides.example/answer',
        },
        knowledgeGraph: { title: 'Tidal power', type: 'Energy', attributes: { Founded: '1966' } },
        organic: [
          {
            position: 1,
            title: 'Tides',
            link: 'https://tides.example/',
            snippet: 'All about tides',
            date: '3 Oct 2026',
            sitelinks: [],
          },
          { position: 2, title: 'Waves', link: 'https://waves.example/', snippet: 'All about waves' },
        ],
        peopleAlsoAsk: [
          { question: 'Is it clean?', snippet: 'Yes.', title: 'T', link: 'https://q.example/' },
        ],
        relatedSearches: [{ query: 'wave energy' }],
        credits: 1,
      },
    },
  },
  errors: [
    {
      title: 'out of credits, reported as a 400',
      reply: { status: 400, body: { message: 'Not enough credits', statusCode: 400 } },
      kind: 'quota',
      requests: 1,
    },
    {
      title: 'bad parameters',
      reply: { status: 400, body: { message: 'Missing query parameter', statusCode: 400 } },
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'a wrong key',
      reply: { status: 403, body: { message: 'Unauthorized.', statusCode: 403 } },
      kind: 'auth',
      requests: 1,
    },
    {
      title: 'over the rate',
      reply: { status: 429, body: { message: 'Too many requests', statusCode: 429 } },
      kind: 'rate_limit',
      requests: 3,
    },
    {
      title: 'a server error of the vendor',
      reply: { status: 500, body: { message: 'oops', statusCode: 500 } },
      kind: 'upstream',
      requests: 3,
    },
    {
      title: 'a gateway that gave up',
      reply: { status: 504, body: '<html>504</html>' },
      kind: 'timeout',
      requests: 3,
    },
    {
      title: 'an answer that is no JSON',
      reply: { body: '<html>maintenance</html>' },
      kind: 'upstream',
      requests: 1,
    },
    {
      title: 'a redirect',
      reply: { status: 302, headers: { location: 'https://elsewhere.example/' } },
      kind: 'bad_request',
      requests: 1,
    },
  ],
}
