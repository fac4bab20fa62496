import type { Clock } from '../../../base/clock.ts'

export interface Watched {
  readonly clock: Clock
  /** Resolves when the worker serves requests. */
  readonly ready: Promise<unknown>
  /** Pings the worker; resolves when it has responded. */
  readonly pulse: () => Promise<void>
  /** Whether the worker has exited or is about to. */
  readonly isOver: () => boolean
  /** Kills the worker, for this reason. */
  readonly end: (why: string) => void
}

/** Timeout from the launch until all listeners are open. Far beyond what a loaded host needs. */
export const START_MS = 60_000
/** Interval between two pings. */
export const PULSE_MS = 5000
/** A worker that misses more pings than this is stuck. Pings are counted, not timed: a host that slept misses only one. */
const MOST_MISSED = 3

/** Kills a worker that is stuck: it would block its callers, and every change that waits for all workers. */
export function watchWorker({ clock, ready, pulse, isOver, end }: Watched): void {
  const cancel = clock.after(START_MS, () => {
    if (!isOver()) end('a worker was not ready within 60 s and is killed')
  })
  let missed = 0
  const beat = (): void => {
    if (isOver()) return
    if (missed > MOST_MISSED) return end('a worker does not respond to pings and is killed')
    missed++
    void pulse().then(() => (missed = 0))
    clock.after(PULSE_MS, beat)
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
