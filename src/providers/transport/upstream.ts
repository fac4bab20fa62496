import type { BrokerError } from '../../base/errors.ts'
import type { StreamedBody } from '../streamed-body.ts'

/**
 * The HTTP client of one provider: sends a request and calls a handler. All code above uses this interface, so that the
 * HTTP client can be replaced.
 */
export interface Upstream {
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall
  /** Lets calls in flight end, then closes every connection. */
  close(): Promise<void>
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST'
  /** Below the base URL's prefix: `/chat/completions`. */
  readonly path: string
  /** Name, value, name, value… An array may be reused for other requests, but must not change after its first use. */
  readonly headers: string[]
  readonly body: string | Uint8Array | StreamedBody | undefined
}

/** Called in order: `onHeaders`, `onData` any number of times, then exactly one of `onEnd` and `onError`. */
export interface UpstreamHandler {
  onHeaders(status: number, headers: UpstreamHeaders): void
  /** The bytes are only valid during the call. */
  onData(bytes: Uint8Array): void
  onEnd(): void
  onError(error: BrokerError): void
}

/** The response headers that are read here. A client may leave out all others. */
export const READ_HEADERS = ['content-type', 'content-encoding', 'retry-after', 'date'] as const

/** The limits that providers name in the headers of a failure: what remains of each, and when it is whole again. */
export const RATE_LIMITS = [
  ...(['requests', 'tokens', 'requests-minute', 'requests-day', 'tokens-minute', 'tokens-day'] as const).map(
    (limit) =>
      ({ remaining: `x-ratelimit-remaining-${limit}`, reset: `x-ratelimit-reset-${limit}` }) as const,
  ),
  ...(['requests', 'tokens', 'input-tokens', 'output-tokens'] as const).map(
    (limit) =>
      ({
        remaining: `anthropic-ratelimit-${limit}-remaining`,
        reset: `anthropic-ratelimit-${limit}-reset`,
      }) as const,
  ),
  ...(['x-ratelimit', 'ratelimit', 'ratelimitbysize'] as const).map(
    (prefix) => ({ remaining: `${prefix}-remaining`, reset: `${prefix}-reset` }) as const,
  ),
]

/** Read in failures alone: when the provider wants the next request (see errors/retry-after.ts). */
export const LIMIT_HEADERS = [
  'retry-after-ms' as const,
  'ratelimit' as const,
  ...RATE_LIMITS.flatMap(({ remaining, reset }) => [remaining, reset]),
]

type HeaderName = (typeof READ_HEADERS)[number] | (typeof LIMIT_HEADERS)[number]

/** A header that came more than once is a list. */
export type UpstreamHeaders = Readonly<Partial<Record<HeaderName, string | string[] | undefined>>>

export interface UpstreamCall {
  /** Whether anything of the request has been written to a connection. If not, the provider cannot know of it. */
  readonly wasSent: boolean
  /** Closes the connection. The handler is not called any more, not even `onError`. */
  abort(): void
  pause(): void
  resume(): void
}
