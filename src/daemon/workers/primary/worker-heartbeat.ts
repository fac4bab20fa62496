import type { Clock } from '../../../base/clock.ts'

export interface HeartbeatOptions {
  readonly clock: Clock
  /** Resolves when the worker serves requests. */
  readonly ready: Promise<unknown>
  /** Pings the worker; resolves when it has responded. */
  readonly ping: () => Promise<void>
  /** Whether the worker has exited or is about to. */
  readonly isExiting: () => boolean
  /** Kills the worker, for this reason. */
  readonly kill: (reason: string) => void
}

/** Timeout from the launch until all listeners are open. Far beyond what a loaded host needs. */
export const START_TIMEOUT_MS = 60_000
/** Interval between two pings. */
export const PING_INTERVAL_MS = 5000
/** A worker that misses more pings than this is stuck. Pings are counted, not timed: a host that slept misses only one. */
const MAX_MISSED_PINGS = 3

/** Kills a worker that is stuck: it would block its callers, and every change that waits for all workers. */
export function startHeartbeat({ clock, ready, ping, isExiting, kill }: HeartbeatOptions): void {
  const cancel = clock.after(START_TIMEOUT_MS, () => {
    if (!isExiting()) kill('a worker was not ready within 60 s and is killed')
  })
  let missed = 0
  const beat = (): void => {
    if (isExiting()) return
    if (missed > MAX_MISSED_PINGS) return kill('a worker does not respond to pings and is killed')
    missed++
    void ping().then(() => (missed = 0))
    clock.after(PING_INTERVAL_MS, beat)
  }
  ready.then(
    () => {
      cancel()
      beat()
    },
    // A worker that could not start ends by itself; if it does not, the start timeout kills it.
    () => undefined,
  )
}
