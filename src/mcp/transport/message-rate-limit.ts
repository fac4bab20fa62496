import type { Clock } from '../../base/clock.ts'

/** Ten seconds' worth may come at once: a server that reports progress eagerly is not a flood. */
const PER_SECOND = 1000
const BURST = 10 * PER_SECOND
/** A long message costs as much as several short ones. */
const BYTES_PER_POINT = 4096

/** Whether one more unasked message of `bytes` is still bearable. */
export type FloodGuard = (bytes: number) => boolean

/** A bucket that fills with time and empties with every message nobody asked for. */
export function createFloodGuard(clock: Clock): FloodGuard {
  let points = BURST
  let lastAt = clock.monotonic()
  return (bytes) => {
    const now = clock.monotonic()
    points =
      Math.min(BURST, points + ((now - lastAt) / 1000) * PER_SECOND) - 1 - Math.floor(bytes / BYTES_PER_POINT)
    lastAt = now
    return points >= 0
  }
}
