/** Counts what happened in the last 60 seconds, exactly: no more than `most` in any of them. */
export interface MinuteWindow {
  add(now: number): void
  /** Milliseconds until one more fits; 0 when it does now. */
  fullForMs(now: number): number
}

const MINUTE_MS = 60_000

/** Remembers the moments of the last `most` requests; when the oldest of them is a minute old, there is room. */
export function createMinuteWindow(most: number): MinuteWindow {
  const moments = new Float64Array(most).fill(Number.NEGATIVE_INFINITY)
  let oldest = 0
  return {
    add(now) {
      moments[oldest] = now
      oldest = (oldest + 1) % most
    },
    fullForMs: (now) => Math.max(0, (moments[oldest] ?? 0) + MINUTE_MS - now),
  }
}
