/** A sliding window over the last 60 seconds: never more than the configured number of requests in any of them. */
export interface RpmWindow {
  add(now: number): void
  /** Milliseconds until one more request fits; 0 when it fits now. */
  fullForMs(now: number): number
}

const MINUTE_MS = 60_000

/** Keeps the times of the last `maxRequests` requests; another one fits when the oldest of them is a minute old. */
export function createRpmWindow(maxRequests: number): RpmWindow {
  const times = new Float64Array(maxRequests).fill(Number.NEGATIVE_INFINITY)
  let oldest = 0
  return {
    add(now) {
      times[oldest] = now
      oldest = (oldest + 1) % maxRequests
    },
    fullForMs: (now) => Math.max(0, (times[oldest] ?? 0) + MINUTE_MS - now),
  }
}
