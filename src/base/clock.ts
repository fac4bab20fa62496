/** Time as an argument, so that tests own it. */
export interface Clock {
  /** Milliseconds since the epoch, for what is written down. */
  now(): number
  /** Milliseconds that never run backwards, for durations. */
  monotonic(): number
  /** Calls `run` after `ms`; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer: unknown = setTimeout(run, ms)
    // Browsers hand out a number here, Node an object that can let the process go.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}

/** Resolves after `ms`. It can't be cancelled. */
export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}
