/**
 * The failures of tools: what the model should do next, and whether a retry can help. A failure is a result with
 * `isError`, never a protocol error, so that the model sees it and can react.
 */
export const FAILURES = {
  auth: {
    retryable: false,
    next: 'Tell the user: the operator of this server has to fix the key. Do not retry.',
  },
  quota: {
    retryable: false,
    next: 'Credit at this vendor is used up. Use a tool of another server, or tell the user; do not retry now.',
  },
  rate_limit: { retryable: true, next: 'Wait, then make the same call once more; do not call in parallel.' },
  bad_request: { retryable: false, next: 'Change the arguments as the message says, then call again.' },
  not_found: { retryable: false, next: 'Check the id or address; it may have expired.' },
  target_error: {
    retryable: false,
    next: 'The site itself failed. Check the address or use another source.',
  },
  blocked: {
    retryable: false,
    next: 'The site refuses robots. Try stronger options of this tool (rendering, proxies) or another source.',
  },
  timeout: { retryable: true, next: 'Try once more with a simpler request (fewer pages, no rendering).' },
  upstream: { retryable: true, next: 'The vendor has a problem. Try once more, then use another tool.' },
  network: { retryable: true, next: 'The vendor could not be reached. Try once more, then tell the user.' },
  cancelled: { retryable: false, next: 'The call was cancelled; nothing more to do.' },
  disabled: { retryable: false, next: 'Tell the user: the operator has to turn this on. Do not retry.' },
  busy: { retryable: true, next: 'Wait until the running calls are done, then call again.' },
  failed: { retryable: false, next: 'Read the message, change the request, then call again.' },
} as const satisfies Record<string, { retryable: boolean; next: string }>

export type FailureKind = keyof typeof FAILURES

export interface FailureDetails {
  /** The HTTP status of the vendor. */
  readonly status?: number | undefined
  /** The vendor's own error code. */
  readonly code?: string | undefined
  /** Whether the vendor states that a retry helps; without it the kind decides. */
  readonly retryable?: boolean | undefined
  readonly retryAfterSeconds?: number | undefined
  /** The credits charged for the failed request; some vendors charge for failures. */
  readonly credits?: number | undefined
  /** Replaces the advice that comes with the kind. */
  readonly next?: string | undefined
}

/** The only error that tools throw; any other is a bug in this server. */
export class ToolFailure extends Error {
  readonly kind: FailureKind
  readonly details: FailureDetails

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message)
    this.name = 'ToolFailure'
    this.kind = kind
    this.details = details
  }

  get retryable(): boolean {
    return this.details.retryable ?? FAILURES[this.kind].retryable
  }

  get next(): string {
    return this.details.next ?? FAILURES[this.kind].next
  }
}
