import { BrokerError } from '../../base/errors.ts'
import { SwapSet, type SwapSetMember } from '../../base/collections/swap-set.ts'

/** The requests in flight, so that a broker that has to stop ends each with an error instead of a broken connection. */
export interface InFlight {
  /** Adds a request until it leaves. Throws `stopping` after `stopAll`. */
  add(request: Stoppable): void
  remove(request: Stoppable): void
  stopAll(): void
}

export interface Stoppable extends SwapSetMember {
  /** Ends it although its caller is still there. */
  stop(error: BrokerError): void
}

export function createInFlight(): InFlight {
  const all = new SwapSet<Stoppable>()
  let isStopping = false
  return {
    add(request) {
      if (isStopping) throw stopping()
      all.add(request)
    },
    remove: (request) => void all.delete(request),
    stopAll() {
      isStopping = true
      all.forEach((request) => request.stop(stopping()))
    },
  }
}

function stopping(): BrokerError {
  return new BrokerError('stopping', 'the broker was told to stop and can wait no longer; retry in a moment')
}
