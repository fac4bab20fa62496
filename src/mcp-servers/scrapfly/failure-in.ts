import { z } from 'zod'
import type { FailureKind, ToolFailure } from '../shared/tool-failure.ts'
import { recordOf } from '../shared/http/send.ts'
import type { FetchResponse } from '../shared/http/send.ts'
import { failureOfStatus } from '../shared/http/statuses.ts'

/** Scrapfly's error codes, most specific first; from its error reference, November 2026. */
const KINDS: readonly (readonly [prefix: string, FailureKind])[] = [
  ['ERR::SCRAPE::QUOTA_LIMIT_REACHED', 'quota'],
  ['ERR::SCRAPE::PROJECT_QUOTA_LIMIT_REACHED', 'quota'],
  ['ERR::SCRAPE::TOO_MANY_CONCURRENT_REQUEST', 'rate_limit'],
  ['ERR::SCRAPE::BAD_UPSTREAM_RESPONSE', 'target_error'],
  ['ERR::SCRAPE::BAD_PROTOCOL', 'bad_request'],
  ['ERR::SCRAPE::DOM_SELECTOR_NOT_FOUND', 'target_error'],
  ['ERR::SCRAPE::UPSTREAM_TIMEOUT', 'timeout'],
  ['ERR::SCRAPE::OPERATION_TIMEOUT', 'timeout'],
  ['ERR::SCRAPE::NETWORK_ERROR', 'target_error'],
  ['ERR::SCRAPE::SSL_ERROR', 'target_error'],
  ['ERR::SCRAPE::DRIVER_', 'upstream'],
  ['ERR::SCRAPE::NO_BROWSER_AVAILABLE', 'upstream'],
  ['ERR::THROTTLE::', 'rate_limit'],
  ['ERR::SESSION::CONCURRENT_ACCESS', 'rate_limit'],
  ['ERR::ACCOUNT::PAYMENT_REQUIRED', 'quota'],
  ['ERR::ACCOUNT::SUSPENDED', 'auth'],
  ['ERR::ASP::', 'blocked'],
  ['ERR::PROXY::', 'bad_request'],
  ['ERR::EXTRACTION::', 'target_error'],
  ['ERR::API::', 'upstream'],
]

const envelope = z.looseObject({
  result: z
    .looseObject({
      success: z.boolean().nullish(),
      error: z
        .looseObject({
          code: z.string().nullish(),
          message: z.string().nullish(),
          retryable: z.boolean().nullish(),
        })
        .nullish()
        .catch(undefined),
    })
    .nullish()
    .catch(undefined),
  code: z.string().nullish().catch(undefined),
  error_id: z.string().nullish().catch(undefined),
  reason: z.string().nullish().catch(undefined),
  message: z.string().nullish().catch(undefined),
})

/** The failure in a response, if any; a failed scrape may have status 200. The vendor's `retryable` overrides the default. */
export function failureIn(response: FetchResponse): ToolFailure | undefined {
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  const body = envelope.parse(isJson ? recordOf(response) : {})
  const { result } = body
  if (response.status < 300 && result?.success !== false) return undefined
  const { headers } = response
  const code = result?.error?.code ?? headers.get('x-scrapfly-reject-code') ?? body.code ?? undefined
  const message =
    result?.error?.message ?? headers.get('x-scrapfly-reject-description') ?? body.message ?? body.reason
  return failureOfStatus(response, {
    message,
    code,
    kind:
      KINDS.find(([prefix]) => code?.startsWith(prefix))?.[1] ??
      (response.status < 300 ? 'target_error' : undefined),
    retryable: result?.error?.retryable ?? booleanOf(headers.get('x-scrapfly-reject-retryable')),
    credits: headerNumber(headers, 'x-scrapfly-api-cost'),
  })
}

export function headerNumber(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)
  return text === null || text.trim() === '' || !Number.isFinite(Number(text)) ? undefined : Number(text)
}

function booleanOf(text: string | null): boolean | undefined {
  const word = text?.toLowerCase()
  return word === 'yes' || word === 'true' ? true : word === 'no' || word === 'false' ? false : undefined
}
