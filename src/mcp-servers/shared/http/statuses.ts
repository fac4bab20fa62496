import { ToolFailure } from '../tool-failure.ts'
import type { FailureKind } from '../tool-failure.ts'
import { retryAfter } from './send.ts'
import type { FetchResponse } from './send.ts'
import { shorten } from '../text.ts'

/** The default meaning of HTTP statuses, unless the vendor's own table differs. */
const KIND_OF_STATUS: Readonly<Record<number, FailureKind>> = {
  400: 'bad_request',
  401: 'auth',
  402: 'quota',
  403: 'auth',
  404: 'not_found',
  408: 'timeout',
  410: 'not_found',
  413: 'bad_request',
  422: 'bad_request',
  429: 'rate_limit',
  499: 'cancelled',
  504: 'timeout',
}

/** The failure of an HTTP response. `reported` is what the vendor states in the body. */
export function failureOfStatus(
  response: FetchResponse,
  reported: {
    message?: unknown
    code?: unknown
    kind?: FailureKind | undefined
    retryable?: boolean | undefined
    credits?: number | undefined
  },
): ToolFailure {
  const { status, headers } = response
  const words =
    typeof reported.message === 'string' && reported.message.trim() !== ''
      ? reported.message
      : `HTTP ${status}`
  return new ToolFailure(reported.kind ?? kindOfStatus(status), shorten(words, 500), {
    status,
    code: typeof reported.code === 'string' ? reported.code : undefined,
    retryable: reported.retryable ?? (status === 501 || status > 504 ? false : undefined),
    retryAfterSeconds: retryAfter(headers),
    credits: reported.credits,
  })
}

function kindOfStatus(status: number): FailureKind {
  return KIND_OF_STATUS[status] ?? (status >= 300 && status < 500 ? 'bad_request' : 'upstream')
}
