import type { Clock } from './clock.ts'

/** An exponential backoff: `firstMs` after the first failure, doubled by each further one, `maxMs` at most. */
export interface BackoffLimits {
  readonly firstMs: number
  readonly maxMs: number
}

/** The wait in milliseconds after so many failures in a row, counted from 1. Without a failure there is none. */
export function backoffMs({ firstMs, maxMs }: BackoffLimits, failures: number): number {
  return failures <= 0 ? 0 : Math.min(firstMs * 2 ** (failures - 1), maxMs)
}

/** `ms` plus or minus up to `ratio` of it, evenly spread, so that clients that failed together do not retry together. `random` is in [0, 1). */
export function withJitter(ms: number, ratio: number, random: () => number): number {
  return ms * (1 + ratio * (2 * random() - 1))
}

/** The cooldown of something that keeps failing: none after the first failure, then 1, 2, 4 … 30 seconds. */
export interface Backoff {
  /** Counts a failure and starts the cooldown that follows it. */
  recordFailure(): void
  /** After a long success: the next failure counts as the first one. */
  reset(): void
  /** Failures since the last reset. */
  failures(): number
  /** The rest of the cooldown in milliseconds; 0 when there is none. */
  cooldownMs(): number
}

const RESTART_LIMITS: BackoffLimits = { firstMs: 1000, maxMs: 30_000 }

/** A backoff without jitter, for processes and connections of our own that are restarted. */
export function createBackoff(clock: Clock): Backoff {
  let failures = 0
  let cooldownUntil = 0
  return {
    recordFailure() {
      failures += 1
      cooldownUntil = clock.monotonic() + backoffMs(RESTART_LIMITS, failures - 1)
    },
    reset() {
      failures = 0
    },
    failures: () => failures,
    cooldownMs: () => Math.max(0, cooldownUntil - clock.monotonic()),
  }
}
