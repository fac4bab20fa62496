import { ERRORS, type BrokerError, type ErrorCode } from '../../../base/errors.ts'
import type { DialectError } from '../../client-dialect.ts'

/** Google's names of its errors by status: https://cloud.google.com/apis/design/errors (names read in `@google/genai` 3.3, 2026-11). */
const STATUSES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo'

/** An error in the shape that Google's clients act on. */
export function renderError(error: BrokerError): DialectError {
  const { code, details } = error
  const headers: Record<string, string> = { ...details.headers, 'x-aibroker-error': code }
  if (details.retryAfter !== undefined) headers['retry-after'] = String(secondsOf(details.retryAfter))
  return { status: statusOf(code), headers, body: errorBody(error) }
}

/** The body of an error, and the last event of a broken stream. Clients take the time to wait from `RetryInfo`. */
export function errorBody({ code, message, details }: BrokerError): object {
  const status = statusOf(code)
  const wait = details.retryAfter
  return {
    error: {
      code: status,
      message,
      status: STATUSES[status] ?? (status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT'),
      details: [
        { '@type': ERROR_INFO, reason: code.toUpperCase().replaceAll('-', '_'), domain: 'hero_aibroker' },
        ...(wait === undefined ? [] : [{ '@type': RETRY_INFO, retryDelay: `${secondsOf(wait)}s` }]),
      ],
    },
  }
}

function secondsOf(wait: number): number {
  return Math.max(0, Math.ceil(wait))
}

function statusOf(code: ErrorCode): number {
  return ERRORS[code].http
}
