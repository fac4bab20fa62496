import type { Clock } from '../../src/base/clock.ts'

/** A clock that stands still until it is advanced. */
export interface ManualClock extends Clock {
  /** Advances the time and runs what has become due. */
  advance(ms: number): void
}

export function manualClock(start = 1_700_000_000_000): ManualClock {
  let elapsed = 0
  const waiting = new Set<{ due: number; run: () => void }>()
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    after(ms, run) {
      const timer = { due: elapsed + ms, run }
      waiting.add(timer)
      return () => void waiting.delete(timer)
    },
    advance(ms) {
      elapsed += ms
      for (const timer of [...waiting].filter(({ due }) => due <= elapsed)) {
        waiting.delete(timer)
        timer.run()
      }
    },
  }
}
