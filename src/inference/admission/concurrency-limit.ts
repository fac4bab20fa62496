import { BrokerError } from '../../base/errors.ts'

/** Rejects requests before any work is done for them: not even their bodies are read. */
export interface Admission {
  /** Counts a request as open; the returned function counts it as ended. Throws `overloaded`. */
  enter(): () => void
}

/** @param maxOpen the maximum of open requests of all servers together. */
export function createAdmission(most: number): Admission {
  let open = 0
  return {
    enter() {
      if (open >= most)
        throw new BrokerError('overloaded', `too many open requests (limit ${most}); retry in a moment`, {
          details: { retryAfter: 1 },
        })
      open++
      return () => open--
    },
  }
}
