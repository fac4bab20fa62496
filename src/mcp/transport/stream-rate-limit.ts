import type { Clock } from '../../base/clock.ts'

/** How many streams may be opened in a row, and how often afterwards: some servers end each at once and want the next. */
const STREAMS_AT_ONCE = 16
const STREAM_EVERY_MS = 1000

/** Resolves at once while there are few, then when it is time for the next; also when `signal` fires or has fired. */
export function createPace(clock: Clock): (signal: AbortSignal | undefined) => Promise<void> {
  let nextAt = -Infinity
  return (signal) => {
    if (signal?.aborted === true) return Promise.resolve()
    const now = clock.monotonic()
    nextAt = Math.max(nextAt, now - STREAMS_AT_ONCE * STREAM_EVERY_MS) + STREAM_EVERY_MS
    if (nextAt <= now) return Promise.resolve()
    return new Promise((resolve) => {
      const onAbort = (): void => (cancel(), resolve())
      // The signal outlives the wait by far: what stayed at it would gather.
      const cancel = clock.after(nextAt - now, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
