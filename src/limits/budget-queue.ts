import type { Clock } from '../base/clock.ts'

/** Requests that wait for money which running requests hold. */
export interface BudgetQueue {
  /**
   * Calls back once: when a request has ended, in the order of their coming, or after `ms`. The returned function takes it
   * out of the queue.
   */
  onFreed(ms: number, callback: () => void): () => void
  /** A request has ended: what it held and did not use is free. */
  freed(): void
}

export function createBudgetQueue(clock: Pick<Clock, 'after'>): BudgetQueue {
  const waiting = new Set<() => void>()
  return {
    onFreed(ms, callback) {
      const leave = (): void => {
        waiting.delete(finish)
        cancel()
      }
      const finish = (): void => {
        leave()
        callback()
      }
      const cancel = clock.after(ms, finish)
      waiting.add(finish)
      return leave
    },
    freed() {
      // None is added during the loop: a request that finds too little free money queues again in a later turn.
      for (const finish of waiting) finish()
    },
  }
}
