import type { Clock } from '../../../base/clock.ts'

export interface Watched {
  readonly clock: Clock
  /** Resolves when it answers callers. */
  readonly ready: Promise<unknown>
  /** Resolves when it has answered. */
  readonly pulse: () => Promise<void>
  /** Whether it is gone, or about to go. */
  readonly isOver: () => boolean
  readonly end: (why: string) => void
}

/** From the launch until all doors are open. Far beyond what a loaded host takes for it. */
export const START_MS = 60_000
/** Workers are asked so often whether they are there. */
export const PULSE_MS = 5000
/** Who misses one more than so many is stuck. Counted, not timed: a host that slept counts one. */
const MOST_MISSED = 3

/** A worker that is stuck would hold up its callers, and every change that waits for all workers: it is ended. */
export function watchWorker({ clock, ready, pulse, isOver, end }: Watched): void {
  const cancel = clock.after(START_MS, () => {
    if (!isOver()) end('a worker does not get ready and is ended')
  })
  let missed = 0
  const beat = (): void => {
    if (isOver()) return
    if (missed > MOST_MISSED) return end('a worker does not answer any more and is ended')
    missed++
    void pulse().then(() => (missed = 0))
    clock.after(PULSE_MS, beat)
  }
  ready.then(
    () => {
      cancel()
      beat()
    },
    // It is to end by itself, and is ended when it doesn't.
    () => undefined,
  )
}
