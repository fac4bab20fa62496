import type { Clock } from '../../src/base/clock.ts'

/** A clock that stands still until `advance` is called, which runs the timers that fall due in the order of their times. */
export interface ManualClock extends Clock {
  advance(ms: number): void
  /** Number of timers that are set and have not run. */
  readonly waiting: number
}

export function manualClock(startMs = 1_700_000_000_000): ManualClock {
  let passed = 0
  let timers: { readonly at: number; readonly run: () => void }[] = []
  return {
    now: () => startMs + passed,
    monotonic: () => passed,
    after(ms, run) {
      const timer = { at: passed + ms, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    advance(ms) {
      const end = passed + ms
      for (;;) {
        const due = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers = timers.filter((each) => each !== due)
        passed = Math.max(passed, due.at)
        due.run()
      }
      passed = end
    },
    get waiting() {
      return timers.length
    },
  }
}
