import type { Clock } from '../../base/clock.ts'
import { SwapSet, type SwapSetMember } from '../../base/collections/swap-set.ts'

/** Maximum times that a provider may be silent, in milliseconds. */
export interface TimeLimits {
  readonly connectMs: number
  /** From the request to the response's headers, when a stream was requested. */
  readonly headersMs: number
  /** From the request to the first token of a stream. */
  readonly firstTokenMs: number
  /** Between two pieces of a response. */
  readonly gapMs: number
  /** From the request to a plain response, of which nothing comes before it is complete. */
  readonly answerMs: number
  /** From the last token, or an end mark, to the end of the response on the connection. */
  readonly lingerMs: number
  /** From the caller's request to its end, over all attempts. */
  readonly wholeMs: number
}

/**
 * OpenAI's own clients give up after ten minutes; reasoning models have been seen to take two minutes to the first token.
 * Half an hour is more than any provider lets a response run.
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
export interface Timed extends SwapSetMember {
  /** Compares its deadlines with the time; called on each tick of the timer. */
  check(nowMs: number): void
}

/** One timer for everything that waits: a chunk costs a number written down, not a timer set anew. */
export class DeadlineTimer {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #waiting = new SwapSet<Timed>()
  readonly #check = (timed: Timed): void => timed.check(this.#nowMs)
  readonly #onTick = (): void => this.#tick()
  #nowMs = 0
  #isRunning = false

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  get size(): number {
    return this.#waiting.size
  }

  now(): number {
    return this.#clock.monotonic()
  }

  /**
   * The time in `ms` from now, which is noticed at most one tick late. It is read from the clock: after a stall of this process
   * the last tick is long past, and what starts then would be late before it began.
   */
  in(ms: number): number {
    return this.#clock.monotonic() + ms
  }

  add(timed: Timed): void {
    this.#waiting.add(timed)
    if (this.#isRunning) return
    this.#isRunning = true
    this.#nowMs = this.#clock.monotonic()
    this.#clock.after(this.#tickMs, this.#onTick)
  }

  delete(timed: Timed): void {
    this.#waiting.delete(timed)
  }

  #tick(): void {
    this.#nowMs = this.#clock.monotonic()
    this.#waiting.forEach(this.#check)
    this.#isRunning = this.#waiting.size > 0
    if (this.#isRunning) this.#clock.after(this.#tickMs, this.#onTick)
  }
}

/** A timer that runs only while something waits, and keeps deadlines to within `tickMs`. */
export function createDeadlineTimer(clock: Clock, tickMs = 200): DeadlineTimer {
  return new DeadlineTimer(clock, tickMs)
}
