import { ERRORS, type BrokerError, type ErrorCode } from '../../../base/errors.ts'
import type { DialectError } from '../../client-dialect.ts'

/** Anthropic's types by status: https://docs.anthropic.com/en/api/errors, and `@anthropic-ai/sdk` 1.14 (read 2026-11). */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

const OVERLOADED = 529

/**
 * Failures for want of capacity, which Anthropic reports with a status of its own: its clients wait and repeat the request,
 * where a 429 would tell them that the caller is at its limit.
 */
const NO_CAPACITY: ReadonlySet<ErrorCode> = new Set([
  'overloaded',
  'stopping',
  'unreachable',
  'upstream-busy',
  'upstream-resting',
  'upstream-down',
])

/** Failures that the same request meets again, which the SDK would otherwise repeat because of their status. */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  'upstream-denied',
  'store-full',
  'over-budget',
  'answer-unknown',
])

/** An error in the shape that Anthropic's clients act on. */
export function renderError(error: BrokerError): DialectError {
  const { code, details } = error
  const status = statusOf(code)
  const { requestId } = details
  const headers: Record<string, string> = { ...details.headers, 'x-aibroker-error': code }
  if (details.retryAfter !== undefined)
    headers['retry-after'] = String(Math.max(0, Math.ceil(details.retryAfter)))
  if (LASTING.has(code)) headers['x-should-retry'] = 'false'
  return { status, headers, body: errorBody(error, requestId) }
}

/** The body of an error, and the data of an `error` event. */
export function errorBody(error: BrokerError, requestId: string | undefined): object {
  return {
    type: 'error',
    error: { type: typeOf(statusOf(error.code)), message: messageOf(error) },
    request_id: requestId ?? null,
  }
}

function statusOf(code: ErrorCode): number {
  return NO_CAPACITY.has(code) ? OVERLOADED : ERRORS[code].http
}

function typeOf(status: number): string {
  return TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
}

/** Agents compact their history when they read these words, which other providers do not write. */
const TOO_LONG = 'prompt is too long'

function messageOf({ code, message }: BrokerError): string {
  return code !== 'context-too-long' || message.includes(TOO_LONG) ? message : `${TOO_LONG}: ${message}`
}
