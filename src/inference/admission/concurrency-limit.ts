import { BrokerError } from '../../base/errors.ts'

/** Turns requests away before any work is done for them: not even their bodies are read. */
export interface Admission {
  /** Counts a request in; the result counts it out. Throws `overloaded`. */
  enter(): () => void
}

/** @param most open requests of all doors together. */
export function createAdmission(most: number): Admission {
  let open = 0
  return {
    enter() {
      if (open >= most)
        throw new BrokerError(
          'overloaded',
          `this broker has as many requests open as it may (${most}); ask again in a moment`,
          { details: { retryAfter: 1 } },
        )
      open++
      return () => open--
    },
  }
}
