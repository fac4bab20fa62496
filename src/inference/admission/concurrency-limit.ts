import { BrokerError } from '../../base/errors.ts'

/** Rejects requests before any work is done for them: not even their bodies are read. */
export interface ConcurrencyLimit {
  /** Counts a request as open; the returned function counts it as ended. Throws `overloaded`. */
  acquire(): () => void
}

/** @param maxOpen the maximum of open requests of all servers together. */
export function createConcurrencyLimit(maxOpen: number): ConcurrencyLimit {
  let open = 0
  return {
    acquire() {
      if (open >= maxOpen)
        throw new BrokerError('overloaded', `too many open requests (limit ${maxOpen}); retry in a moment`, {
          details: { retryAfter: 1 },
        })
      open++
      return () => open--
    },
  }
}
