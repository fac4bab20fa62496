/**
 * Every way a request can fail: one row, read by all doors, so that REST, RPC and the command line can't disagree.
 * `http` and `rpc` are the codes a caller sees, `type` is OpenRouter's `error_type`, `exit` the CLI's exit code,
 * `fallback` says which candidate could do better: none, the next one, one that is another model, one with room for a
 * longer prompt.
 */
export const ERRORS = {
  'bad-request': { http: 400, rpc: -32602, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'bad-context': { http: 400, rpc: -32602, type: 'invalid_request', exit: 2, fallback: 'stop' },
  unauthorized: { http: 401, rpc: -32001, type: 'authentication', exit: 3, fallback: 'stop' },
  'over-budget': { http: 402, rpc: -32002, type: 'payment_required', exit: 4, fallback: 'stop' },
  forbidden: { http: 403, rpc: -32003, type: 'permission_denied', exit: 3, fallback: 'stop' },
  'not-found': { http: 404, rpc: -32004, type: 'not_found', exit: 5, fallback: 'stop' },
  'no-such-model': { http: 404, rpc: -32004, type: 'not_found', exit: 5, fallback: 'stop' },
  'none-fits': { http: 404, rpc: -32004, type: 'not_found', exit: 5, fallback: 'stop' },
  'wrong-method': { http: 405, rpc: -32601, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'too-slow': { http: 408, rpc: -32008, type: 'timeout', exit: 2, fallback: 'stop' },
  /** What a caller may send more than once was sent with another body, or nobody knows how it ended. */
  'key-reused': { http: 422, rpc: -32022, type: 'unprocessable', exit: 2, fallback: 'stop' },
  'answer-unknown': { http: 409, rpc: -32009, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'too-large': { http: 413, rpc: -32013, type: 'payload_too_large', exit: 2, fallback: 'stop' },
  'unsupported-media': { http: 415, rpc: -32602, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'headers-too-large': { http: 431, rpc: -32013, type: 'payload_too_large', exit: 2, fallback: 'stop' },
  'over-limit': { http: 429, rpc: -32029, type: 'rate_limit_exceeded', exit: 6, fallback: 'stop' },
  internal: { http: 500, rpc: -32603, type: 'server', exit: 1, fallback: 'stop' },
  stopping: { http: 503, rpc: -32053, type: 'provider_unavailable', exit: 7, fallback: 'stop' },
  /** Nobody answers at the broker's own address: what its clients say, and a child of its mother. */
  unreachable: { http: 503, rpc: -32053, type: 'provider_unavailable', exit: 7, fallback: 'next' },
  /** We have as much to do, or as many files open, as we can. */
  overloaded: { http: 503, rpc: -32054, type: 'provider_overloaded', exit: 7, fallback: 'stop' },
  'store-full': { http: 503, rpc: -32053, type: 'server', exit: 7, fallback: 'stop' },
  /** The house is not in order (a socket path, a port, a second daemon); only ever seen by whoever starts us. */
  'cannot-start': { http: 500, rpc: -32603, type: 'server', exit: 1, fallback: 'stop' },
  /** The provider says that this request can't be served by this model, whoever asks. */
  'upstream-refused': { http: 400, rpc: -32060, type: 'invalid_request', exit: 8, fallback: 'other-model' },
  'context-too-long': {
    http: 400,
    rpc: -32065,
    type: 'context_length_exceeded',
    exit: 8,
    fallback: 'larger',
  },
  /** The provider won't speak of this; asking around for one that does is not ours to decide. */
  'content-refused': { http: 400, rpc: -32066, type: 'content_policy_violation', exit: 8, fallback: 'stop' },
  /** The provider refuses our key, or our account there has no credit. */
  'upstream-denied': { http: 502, rpc: -32061, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  'upstream-busy': { http: 429, rpc: -32062, type: 'rate_limit_exceeded', exit: 8, fallback: 'next' },
  /** No candidate may be asked now: their circuits are open. */
  'upstream-resting': { http: 503, rpc: -32067, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  'upstream-failed': { http: 502, rpc: -32063, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  /** It is not running, or was given up for a while; `retryAfter` says when to come back. */
  'upstream-down': { http: 503, rpc: -32065, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  'upstream-timeout': { http: 504, rpc: -32064, type: 'timeout', exit: 8, fallback: 'next' },
} as const

export type ErrorCode = keyof typeof ERRORS

/** What is known of a failure beyond its code; doors put it into `error.metadata`. Never holds a key. */
export interface ErrorDetails {
  /** Display name of the provider that failed. */
  readonly provider?: string | undefined
  /** HTTP status that the provider answered with. */
  readonly status?: number | undefined
  /** The provider's own words, cut to a sane length. */
  readonly raw?: string | undefined
  /** Seconds after which asking again makes sense. */
  readonly retryAfter?: number | undefined
  /** Headers that an HTTP door sends along. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The provider was not asked at all, for it rests after failures. */
  readonly isUnasked?: boolean | undefined
  /** The provider has not read the request, so asking it again costs nothing twice. */
  readonly mayRepeat?: boolean | undefined
  /** The provider says that it may bill for it although it failed. */
  readonly mayBill?: boolean | undefined
  /** OpenRouter's `openrouter_metadata`, for callers who asked for it: it stands beside the error. */
  readonly routed?: object | undefined
  /** Anything a door should add to `error.metadata` as it is. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** The only error class of the broker: anything else that is thrown is a bug. */
export class BrokerError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { details?: ErrorDetails } = {}) {
    super(message, options)
    this.name = 'BrokerError'
    this.code = code
    this.details = options.details ?? {}
  }
}

/** The same error, with more known of it. */
export function withDetails(error: BrokerError, more: ErrorDetails): BrokerError {
  const details = { ...error.details, ...more }
  return new BrokerError(error.code, error.message, { cause: error.cause, details })
}

/** Wraps what is not ours: a `BrokerError` stays itself, anything else becomes `internal` with its cause. */
export function asBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  return new BrokerError('internal', 'internal error', { cause: thrown })
}
