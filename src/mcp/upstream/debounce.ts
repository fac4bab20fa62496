import type { Clock } from '../../base/clock.ts'

/** A burst of changes is one change. */
const SETTLE_MS = 100
/** Work that takes long rests for this many times as long: a server that never stops changing keeps us a fifth of the time. */
const REST = 4

/** Work that many may wish for at once. */
export interface Settled {
  /** Has it done in a moment; one that is waiting to be done is enough. */
  soon(): void
  /** From now on it is not done any more; what runs comes to its end. */
  cancel(): void
}

/** `work` runs once at a time. What it throws is nobody's. */
export function createSettled(clock: Clock, work: () => Promise<void>): Settled {
  let cancel: (() => void) | undefined
  let isRunning = false
  let isWanted = false
  let isOver = false
  let restUntil = -Infinity
  const soon = (): void => {
    isWanted = isRunning
    if (isRunning || isOver) return
    cancel ??= clock.after(Math.max(SETTLE_MS, restUntil - clock.monotonic()), () => void run())
  }
  const run = async (): Promise<void> => {
    cancel = undefined
    isRunning = true
    const startedAt = clock.monotonic()
    await work().catch(() => undefined)
    const endedAt = clock.monotonic()
    restUntil = endedAt + REST * (endedAt - startedAt)
    isRunning = false
    if (isWanted) soon()
  }
  const end = (): void => {
    isOver = true
    cancel?.()
  }
  return { soon, cancel: end }
}
