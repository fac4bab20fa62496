import { scraperapi } from '../../../src/mcp-servers/scraperapi.ts'
import type { VendorSpec } from '../replica.ts'

const options = [
  'output_format',
  'render',
  'wait_for_selector',
  'country_code',
  'device_type',
  'premium',
  'ultra_premium',
  'session_number',
  'max_cost',
  'autoparse',
  'url',
]

export const scraperapiSpec: VendorSpec = {
  server: scraperapi,
  keysVariable: 'SCRAPERAPI_API_KEYS',
  urlVariables: ['SCRAPERAPI_URL', 'SCRAPERAPI_ASYNC_URL'],
  keyIn: 'query api_key',
  paths: {
    '/': options,
    '/account': [],
    '/account/urlcost': options,
    '/jobs': ['apiKey', 'url', 'apiParams'],
    '/batchjobs': ['apiKey', 'urls', 'apiParams'],
    '/jobs/[A-Za-z0-9-]+': [],
  },
  good: {
    tool: 'scrape_page',
    args: { url: 'https://tides.example/page?a=1&b=2' },
    reply: {
      headers: {
        'content-type': 'text/markdown',
        'sa-final-url': 'https://tides.example/end',
        'sa-statuscode': '200',
        'sa-credit-cost': '1',
      },
      body: '# Tides\n\nAll about tides.',
    },
  },
  errors: [
    {
      title: 'a bad request',
      reply: { status: 400, body: 'url is required' },
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'a wrong key',
      reply: { status: 401, body: 'Unauthorized request, please make sure your API key is valid.' },
      kind: 'auth',
      requests: 1,
    },
    {
      title: 'credits used up',
      reply: { status: 403, body: 'You have exhausted the API Credits available in this monthly cycle.' },
      kind: 'quota',
      requests: 1,
    },
    {
      title: 'a feature not in the plan',
      reply: { status: 403, body: 'Premium proxies are not available on your plan, please upgrade.' },
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'max_cost exceeded',
      reply: { status: 403, body: 'This request would cost more than your max_cost.' },
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'a site that refuses',
      reply: { status: 403, headers: { 'sa-statuscode': '403' }, body: '<html>denied</html>' },
      kind: 'blocked',
      requests: 1,
    },
    {
      title: 'a missing page (charged)',
      reply: { status: 404, headers: { 'sa-statuscode': '404', 'sa-credit-cost': '1' }, body: 'gone' },
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'a page that is gone',
      reply: { status: 410, headers: { 'sa-statuscode': '410' }, body: 'gone' },
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'too many at once',
      reply: { status: 429, body: 'You are sending requests too fast.' },
      kind: 'rate_limit',
      requests: 2,
    },
    { title: 'a client that disconnected', reply: { status: 499, body: '' }, kind: 'cancelled', requests: 1 },
    {
      title: 'all internal retries failed',
      reply: { status: 500, body: 'Request failed. You will not be charged for this request.' },
      kind: 'upstream',
      requests: 2,
    },
  ],
}
