import { BrokerError } from '../../base/errors.ts'
import { Roster, type Placed } from '../../base/collections/swap-set.ts'

/** The requests in flight, so that a broker that has to stop ends each with an error instead of a broken connection. */
export interface Running {
  /** Adds a request until it leaves. Throws `stopping` after `stopAll`. */
  enter(one: Stoppable): void
  leave(one: Stoppable): void
  endAll(): void
}

export interface Stoppable extends Placed {
  /** Ends it although its caller is still there. */
  stop(error: BrokerError): void
}

export function createRunning(): Running {
  const all = new Roster<Stoppable>()
  let isStopping = false
  return {
    enter(one) {
      if (isStopping) throw stopping()
      all.add(one)
    },
    leave: (one) => void all.delete(one),
    endAll() {
      isStopping = true
      all.each((one) => one.stop(stopping()))
    },
  }
}

function stopping(): BrokerError {
  return new BrokerError('stopping', 'the broker was told to stop and can wait no longer; retry in a moment')
}
