/**
 * Every way a request can fail, one row each. REST, RPC and the command line read the same row, so that they can't disagree.
 * `http` and `rpc` are the codes that a caller sees, `type` is OpenRouter's `error_type`, `exit` the CLI's exit code,
 * `fallback` states which candidate may be tried next: none, any, one of another model, one with a larger context window.
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
  /** A client wants a WebSocket. At a 426 clients go on over HTTP; at another status they try again. */
  'no-upgrade': { http: 426, rpc: -32601, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'too-slow': { http: 408, rpc: -32008, type: 'timeout', exit: 2, fallback: 'stop' },
  /** An idempotency key came again with another body. */
  'key-reused': { http: 422, rpc: -32022, type: 'unprocessable', exit: 2, fallback: 'stop' },
  /** An idempotency key came again, and the outcome of its first request is unknown. */
  'answer-unknown': { http: 409, rpc: -32009, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'too-large': { http: 413, rpc: -32013, type: 'payload_too_large', exit: 2, fallback: 'stop' },
  'unsupported-media': { http: 415, rpc: -32602, type: 'invalid_request', exit: 2, fallback: 'stop' },
  'headers-too-large': { http: 431, rpc: -32013, type: 'payload_too_large', exit: 2, fallback: 'stop' },
  'over-limit': { http: 429, rpc: -32029, type: 'rate_limit_exceeded', exit: 6, fallback: 'stop' },
  internal: { http: 500, rpc: -32603, type: 'server', exit: 1, fallback: 'stop' },
  stopping: { http: 503, rpc: -32053, type: 'provider_unavailable', exit: 7, fallback: 'stop' },
  /** The broker itself can't be reached: reported by its clients, and by a child about its mother. */
  unreachable: { http: 503, rpc: -32053, type: 'provider_unavailable', exit: 7, fallback: 'next' },
  /** The broker has reached its maximum of open requests or of open files. */
  overloaded: { http: 503, rpc: -32054, type: 'provider_overloaded', exit: 7, fallback: 'stop' },
  'store-full': { http: 503, rpc: -32053, type: 'server', exit: 7, fallback: 'stop' },
  /** The environment does not allow a start (a socket path, a port, a second daemon). Only the starting process sees it. */
  'cannot-start': { http: 500, rpc: -32603, type: 'server', exit: 1, fallback: 'stop' },
  /** The provider reports that this model can't serve this request, with any key. */
  'upstream-refused': { http: 400, rpc: -32060, type: 'invalid_request', exit: 8, fallback: 'other-model' },
  /** The endpoint's protocol has no place for a part of the request, which another endpoint may have. */
  'not-carried': { http: 400, rpc: -32068, type: 'invalid_request', exit: 2, fallback: 'next' },
  'context-too-long': {
    http: 400,
    rpc: -32065,
    type: 'context_length_exceeded',
    exit: 8,
    fallback: 'larger',
  },
  /** The provider's content policy refuses the request. Trying other providers would circumvent it, so there is no fallback. */
  'content-refused': { http: 400, rpc: -32066, type: 'content_policy_violation', exit: 8, fallback: 'stop' },
  /** The provider refuses our key, or our account there has no credit. */
  'upstream-denied': { http: 502, rpc: -32061, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  'upstream-busy': { http: 429, rpc: -32062, type: 'rate_limit_exceeded', exit: 8, fallback: 'next' },
  /** The circuits of all candidates are open. */
  'upstream-resting': { http: 503, rpc: -32067, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  'upstream-failed': { http: 502, rpc: -32063, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  /** A managed server is not running, or is in its cooldown; `retryAfter` states when to retry. */
  'upstream-down': { http: 503, rpc: -32065, type: 'provider_unavailable', exit: 8, fallback: 'next' },
  /** The request came back to a broker that it has passed, or more brokers are stacked than it may pass. */
  'cascade-loop': { http: 508, rpc: -32068, type: 'invalid_request', exit: 8, fallback: 'next' },
  'upstream-timeout': { http: 504, rpc: -32064, type: 'timeout', exit: 8, fallback: 'next' },
} as const

export type ErrorCode = keyof typeof ERRORS

/** What is known about a failure beyond its code; servers put it into `error.metadata`. Never contains a key. */
export interface ErrorDetails {
  /** Display name of the provider that failed. */
  readonly provider?: string | undefined
  /** HTTP status of the provider's response. */
  readonly status?: number | undefined
  /** What a provider's refusal is about, where its status does not say it: see `providers/errors/refusal-kinds.ts`. */
  readonly refusal?: string | undefined
  /** Path of the request's field that is wrong: `messages[2].role`. */
  readonly field?: string | undefined
  /** The provider's own error text, truncated. */
  readonly raw?: string | undefined
  /** Of the request that failed, in the APIs whose error bodies have it. */
  readonly requestId?: string | undefined
  /** Seconds after which a retry makes sense. */
  readonly retryAfter?: number | undefined
  /** Headers that an HTTP server adds to the response. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The request was not sent, because the provider is cooling down after failures. */
  readonly isUnsent?: boolean | undefined
  /** The provider has not read the request, so a retry can't be charged twice. */
  readonly mayRepeat?: boolean | undefined
  /** A kept connection was closed as the request was sent on it. The provider may have read it. */
  readonly isStale?: boolean | undefined
  /** The provider states that it may charge for the request although it failed. */
  readonly mayBeCharged?: boolean | undefined
  /** A broker above states how many attempts at providers it made. */
  readonly attempts?: number | undefined
  /** A broker above states that the lease does not cover the request, or has ended. */
  readonly isOverLease?: boolean | undefined
  /** OpenRouter's `openrouter_metadata`, for callers that requested it; rendered beside the error. */
  readonly routed?: object | undefined
  /** Further fields of `error.metadata`, rendered as they are. */
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

/** A copy of an error with further details. */
export function withDetails(error: BrokerError, more: ErrorDetails): BrokerError {
  const details = { ...error.details, ...more }
  return new BrokerError(error.code, error.message, { cause: error.cause, details })
}

/** Returns a `BrokerError` as it is; anything else becomes `internal` with the original as its cause. */
export function asBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  return new BrokerError('internal', 'internal error', { cause: thrown })
}
