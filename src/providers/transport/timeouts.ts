import type { Clock } from '../../base/clock.ts'
import { Roster, type Placed } from '../../base/collections/swap-set.ts'

/** Bounds on the silence of a provider, in milliseconds. */
export interface TimeLimits {
  readonly connectMs: number
  /** From the question to the answer's headers, when a stream was asked for. */
  readonly headersMs: number
  /** From the question to the first word of a stream. */
  readonly firstTokenMs: number
  /** Between two pieces of an answer. */
  readonly gapMs: number
  /** From the question to a plain answer, which says nothing before it is done. */
  readonly answerMs: number
  /** From the last word, or an end mark, to the end of the connection's answer. */
  readonly lingerMs: number
  /** From the caller's request to its end, over all attempts. */
  readonly wholeMs: number
}

/**
 * OpenAI's own clients give up after ten minutes; models that think in silence have been seen to take two for the first
 * word. Half an hour is more than any provider lets an answer run.
 */
export const DEFAULT_LIMITS: TimeLimits = {
  connectMs: 10_000,
  headersMs: 120_000,
  firstTokenMs: 180_000,
  gapMs: 120_000,
  answerMs: 600_000,
  lingerMs: 2_000,
  wholeMs: 1_800_000,
}

/** Something that may have to wait for too long. */
export interface Watched extends Placed {
  /** Looks at the time; called a few times a second. */
  check(now: number): void
}

/** One timer for everything that waits: a chunk costs a number written down, not a timer set anew. */
export interface Watch {
  add(watched: Watched): void
  delete(watched: Watched): void
  readonly size: number
}

/** Limits are kept to within `tickMs`. The timer runs only while something is watched. */
export function createWatch(clock: Clock, tickMs = 200): Watch {
  const all = new Roster<Watched>()
  let isRunning = false

  function tick(): void {
    const now = clock.monotonic()
    all.each((watched) => watched.check(now))
    isRunning = all.size > 0
    if (isRunning) clock.after(tickMs, tick)
  }

  return {
    add(watched) {
      all.add(watched)
      if (isRunning) return
      isRunning = true
      clock.after(tickMs, tick)
    },
    delete: (watched) => void all.delete(watched),
    get size() {
      return all.size
    },
  }
}
