import type { Clock } from '../../base/clock.ts'

/** Streams that may be opened in a row, and the interval afterwards: some servers end a stream at once and reopen it. */
const STREAMS = { burst: 16, refillMs: 1000 }
/** A burst of ten seconds' worth is allowed: a server that reports progress eagerly is not a flood. */
const MESSAGES = { burst: 10_000, refillMs: 1 }
/** A long message costs one token more for each of these. */
const BYTES_PER_TOKEN = 4096

/** Whether one more unsolicited message of `bytes` is within the limit. */
export type MessageRateLimit = (bytes: number) => boolean

/** Limits the messages that a server sends without a request: 1000 a second. */
export function createMessageRateLimit(clock: Clock): MessageRateLimit {
  const take = createTokenBucket(MESSAGES, clock)
  return (bytes) => take(1 + Math.floor(bytes / BYTES_PER_TOKEN)) <= 0
}

/** Resolves when the next stream may be opened, at once within the burst; also when `signal` fires or has fired. */
export type StreamRateLimit = (signal: AbortSignal | undefined) => Promise<void>

/** Limits how often streams are opened: one a second after the burst. */
export function createStreamRateLimit(clock: Clock): StreamRateLimit {
  const take = createTokenBucket(STREAMS, clock)
  return (signal) => {
    if (signal?.aborted === true) return Promise.resolve()
    const waitMs = take(1)
    if (waitMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const onAbort = (): void => (cancel(), resolve())
      // The signal outlives the wait by far: listeners left on it would accumulate.
      const cancel = clock.after(waitMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}

/**
 * A token bucket that may go into debt: tokens are always taken, and the result is the time in milliseconds until the debt
 * is refilled, zero or less without debt. One token is refilled every `refillMs`, up to `burst`.
 */
function createTokenBucket(
  { burst, refillMs }: { readonly burst: number; readonly refillMs: number },
  clock: Clock,
): (tokens: number) => number {
  // The time at which a bucket without debt is reached, as in the generic cell rate algorithm (GCRA).
  let balancedAt = -Infinity
  return (tokens) => {
    const now = clock.monotonic()
    balancedAt = Math.max(balancedAt, now - burst * refillMs) + tokens * refillMs
    return balancedAt - now
  }
}
