import { BrokerError } from '../base/errors.ts'
import { Roster, type Placed } from '../base/roster.ts'

/** The requests under way, so that a broker that has to stop can end each with a word instead of a cut. */
export interface Running {
  /** Counts a request in until it is disposed of; `end` breaks it off. Throws `stopping` after `endAll`. */
  enter(end: (error: BrokerError) => void): Disposable
  endAll(): void
}

export function createRunning(): Running {
  const runs = new Roster<Run>()
  let isStopping = false
  return {
    enter(end) {
      if (isStopping) throw stopping()
      return new Run(runs, end)
    },
    endAll() {
      isStopping = true
      runs.each(({ end }) => end(stopping()))
    },
  }
}

class Run implements Placed, Disposable {
  place = -1
  readonly end: (error: BrokerError) => void
  readonly #runs: Roster<Run>

  constructor(runs: Roster<Run>, end: (error: BrokerError) => void) {
    this.#runs = runs
    this.end = end
    runs.add(this)
  }

  [Symbol.dispose](): void {
    this.#runs.delete(this)
  }
}

function stopping(): BrokerError {
  return new BrokerError(
    'stopping',
    'the broker was told to stop and can wait no longer; ask again in a moment',
  )
}
