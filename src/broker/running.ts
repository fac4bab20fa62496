import { BrokerError } from '../base/errors.ts'

/** The requests under way, so that a broker that has to stop can end each with a word instead of a cut. */
export interface Running {
  /** Counts a request in until it is disposed of; `end` breaks it off. Throws `stopping` after `endAll`. */
  enter(end: (error: BrokerError) => void): Disposable
  endAll(): void
}

export function createRunning(): Running {
  const ends = new Set<(error: BrokerError) => void>()
  let isStopping = false
  return {
    enter(end) {
      if (isStopping) throw stopping()
      ends.add(end)
      return { [Symbol.dispose]: () => void ends.delete(end) }
    },
    endAll() {
      isStopping = true
      for (const end of ends) end(stopping())
    },
  }
}

function stopping(): BrokerError {
  return new BrokerError(
    'stopping',
    'the broker was told to stop and can wait no longer; ask again in a moment',
  )
}
