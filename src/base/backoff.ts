import type { Clock } from './clock.ts'

/** How long something that keeps failing is left alone: not at all after the first time, then 1, 2, 4 … 30 seconds. */
export interface BackOff {
  fail(): void
  /** It has worked for long: the next failure is a first one again. */
  forgive(): void
  failures(): number
  /** What is left of the rest. */
  restMs(): number
}

const LONGEST_REST_MS = 30_000

export function createBackOff(clock: Clock): BackOff {
  let failures = 0
  let restUntil = 0
  return {
    fail() {
      failures += 1
      restUntil =
        clock.monotonic() + (failures === 1 ? 0 : Math.min(1000 * 2 ** (failures - 2), LONGEST_REST_MS))
    },
    forgive() {
      failures = 0
    },
    failures: () => failures,
    restMs: () => Math.max(0, restUntil - clock.monotonic()),
  }
}
