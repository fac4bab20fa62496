/** The time and its timers as an argument, so that tests control them. */
export interface Clock {
  /** Milliseconds since the epoch, for timestamps that are stored or shown. */
  now(): number
  /** Milliseconds from an arbitrary start that never run backwards, for durations. */
  monotonic(): number
  /** Calls `run` after `ms`; the returned function cancels it. A pending timer does not keep the process alive. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer: unknown = setTimeout(run, ms)
    // Browsers return a number here; Node returns an object that can be told not to keep the process alive.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}

/** Resolves after `ms`. It can't be cancelled. */
export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}
