import { scrapfly } from '../../../src/mcp-servers/scrapfly.ts'
import type { VendorSpec } from '../replica.ts'

/** A failure that is reported in headers and in the envelope of transport errors. */
const rejected = (status: number, code: string, retryable: boolean) => ({
  status,
  headers: {
    'x-scrapfly-reject-code': code,
    'x-scrapfly-reject-description': `it was ${code}`,
    'x-scrapfly-reject-retryable': retryable ? 'yes' : 'no',
  },
  body: { status: 'error', http_code: status, reason: 'Rejected', error_id: 'e1', message: 'rejected' },
})

/** A failed scrape in its envelope, whatever the status. */
const failed = (status: number, code: string, retryable: boolean) => ({
  status,
  headers: { 'x-scrapfly-api-cost': '1' },
  body: {
    uuid: 'u',
    context: {},
    result: {
      success: false,
      status: 'DONE',
      error: { code, message: `it was ${code}`, retryable, http_code: status },
    },
  },
})

export const scrapflySpec: VendorSpec = {
  server: scrapfly,
  keysVariable: 'SCRAPFLY_API_KEYS',
  urlVariables: ['SCRAPFLY_URL'],
  keyIn: 'query key',
  paths: {
    '/scrape': [
      'url',
      'format',
      'country',
      'proxy_pool',
      'asp',
      'cost_budget',
      'render_js',
      'rendering_wait',
      'wait_for_selector',
      'cache',
      'cache_ttl',
      'extraction_prompt',
      'extraction_model',
      'extraction_template',
    ],
    '/screenshot': ['url', 'format', 'capture', 'resolution', 'options', 'country', 'wait_for_selector'],
    '/extraction': ['content_type', 'extraction_prompt', 'extraction_model', 'extraction_template'],
    '/account': [],
    '/large/[a-z]+': ['*'],
  },
  good: {
    tool: 'scrape_page',
    args: { url: 'https://tides.example/' },
    reply: {
      headers: { 'x-scrapfly-api-cost': '6', 'x-scrapfly-remaining-api-credit': '994' },
      body: {
        uuid: 'u',
        config: { url: 'https://tides.example/' },
        context: { cost: { total: 6, details: [{ code: 'BROWSER', amount: 5 }] } },
        result: {
          url: 'https://tides.example/end',
          status: 'DONE',
          success: true,
          status_code: 200,
          content_type: 'text/html; charset=utf-8',
          format: 'text',
          content: '# Tides\n\nAll about tides.',
          error: null,
        },
      },
    },
  },
  errors: [
    {
      title: 'the quota used up',
      reply: rejected(429, 'ERR::SCRAPE::QUOTA_LIMIT_REACHED', false),
      kind: 'quota',
      requests: 1,
    },
    {
      title: "the project's quota used up",
      reply: rejected(429, 'ERR::SCRAPE::PROJECT_QUOTA_LIMIT_REACHED', false),
      kind: 'quota',
      requests: 1,
    },
    {
      title: 'too many at once',
      reply: rejected(429, 'ERR::SCRAPE::TOO_MANY_CONCURRENT_REQUEST', true),
      kind: 'rate_limit',
      requests: 2,
    },
    {
      title: 'too fast',
      reply: rejected(429, 'ERR::THROTTLE::MAX_REQUEST_RATE_EXCEEDED', true),
      kind: 'rate_limit',
      requests: 2,
    },
    {
      title: 'a busy session',
      reply: rejected(429, 'ERR::SESSION::CONCURRENT_ACCESS', true),
      kind: 'rate_limit',
      requests: 2,
    },
    {
      title: 'an unpaid invoice',
      reply: rejected(402, 'ERR::ACCOUNT::PAYMENT_REQUIRED', false),
      kind: 'quota',
      requests: 1,
    },
    {
      title: 'a suspended account',
      reply: rejected(429, 'ERR::ACCOUNT::SUSPENDED', false),
      kind: 'auth',
      requests: 1,
    },
    {
      title: 'a robot check that was not passed',
      reply: failed(422, 'ERR::ASP::SHIELD_PROTECTION_FAILED', true),
      kind: 'blocked',
      requests: 2,
    },
    { title: 'a captcha', reply: failed(422, 'ERR::ASP::CAPTCHA_ERROR', true), kind: 'blocked', requests: 2 },
    {
      title: 'a bad page inside a 200',
      reply: failed(200, 'ERR::SCRAPE::BAD_UPSTREAM_RESPONSE', false),
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'a failure without a code inside a 200',
      reply: { body: { result: { success: false } } },
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'a wrong protocol',
      reply: failed(422, 'ERR::SCRAPE::BAD_PROTOCOL', false),
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'a selector that never appeared (charged)',
      reply: failed(422, 'ERR::SCRAPE::DOM_SELECTOR_NOT_FOUND', false),
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'a site that took too long (charged)',
      reply: failed(422, 'ERR::SCRAPE::UPSTREAM_TIMEOUT', false),
      kind: 'timeout',
      requests: 1,
    },
    {
      title: 'a network error on the way to the site',
      reply: failed(422, 'ERR::SCRAPE::NETWORK_ERROR', true),
      kind: 'target_error',
      requests: 2,
    },
    {
      title: 'an operation that took too long',
      reply: failed(504, 'ERR::SCRAPE::OPERATION_TIMEOUT', true),
      kind: 'timeout',
      requests: 2,
    },
    {
      title: 'an unknown proxy pool',
      reply: rejected(400, 'ERR::PROXY::POOL_NOT_FOUND', false),
      kind: 'bad_request',
      requests: 1,
    },
    {
      title: 'a crashed browser',
      reply: failed(422, 'ERR::SCRAPE::DRIVER_CRASHED', true),
      kind: 'upstream',
      requests: 2,
    },
    {
      title: 'an extraction that failed',
      reply: failed(422, 'ERR::EXTRACTION::NO_CONTENT', false),
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'a certificate that is bad',
      reply: failed(422, 'ERR::SCRAPE::SSL_ERROR', false),
      kind: 'target_error',
      requests: 1,
    },
    {
      title: 'a wrong key',
      reply: {
        status: 401,
        body: {
          status: 'error',
          http_code: 401,
          reason: 'Unauthorized',
          error_id: 'e',
          message: 'Invalid API key',
        },
      },
      kind: 'auth',
      requests: 1,
    },
    {
      title: 'a server error of the vendor',
      reply: rejected(500, 'ERR::API::INTERNAL_ERROR', true),
      kind: 'upstream',
      requests: 2,
    },
  ],
}
