import type { Clock } from '../../../base/clock.ts'

/** One timer for everything that waits: a piece of an answer costs a number written down, not a timer set anew. */
export interface Ticker {
  /** The moment after which `ms` have surely gone by; late by at most two ticks. */
  in(ms: number): number
  now(): number
  /** Ticks until `onTick` says that nothing waits any more. */
  start(): void
}

/** Calls `onTick` every `tickMs` with the time; false stops it. */
export function createTicker(clock: Clock, tickMs: number, onTick: (nowMs: number) => boolean): Ticker {
  let nowMs = 0
  let isRunning = false

  function tick(): void {
    nowMs = clock.monotonic()
    isRunning = onTick(nowMs)
    if (isRunning) clock.after(tickMs, tick)
  }

  return {
    in: (ms) => nowMs + ms + tickMs,
    now: () => clock.monotonic(),
    start() {
      if (isRunning) return
      isRunning = true
      nowMs = clock.monotonic()
      clock.after(tickMs, tick)
    },
  }
}
