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

/** `ms` spread evenly by `ratio` to both sides, so that those who failed together do not return together. `random` is in [0, 1). */
export function withJitter(ms: number, ratio: number, random: () => number): number {
  return ms * (1 + ratio * (2 * random() - 1))
}

/** How long something that keeps failing is left alone: not at all after the first time, then 1, 2, 4 … 30 seconds. */
export interface BackOff {
  fail(): void
  /** It has worked for long: the next failure is a first one again. */
  forgive(): void
  failures(): number
  /** What is left of the rest. */
  restMs(): number
}

const RESTART: BackoffLimits = { firstMs: 1000, maxMs: 30_000 }

export function createBackOff(clock: Clock): BackOff {
  let failures = 0
  let restUntil = 0
  return {
    fail() {
      failures += 1
      restUntil = clock.monotonic() + backoffMs(RESTART, failures - 1)
    },
    forgive() {
      failures = 0
    },
    failures: () => failures,
    restMs: () => Math.max(0, restUntil - clock.monotonic()),
  }
}
