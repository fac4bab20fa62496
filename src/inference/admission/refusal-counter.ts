import type { Caller } from '../../auth/caller.ts'
import { BrokerError, ERRORS } from '../../base/errors.ts'
import type { RefusalStatus } from '../../ledger/usage/refused-requests.ts'

/** Counts requests that were refused before they had a row in the ledger. */
export interface RefusalCounter {
  count(caller: Caller, status: RefusalStatus): void
}

/** Counts a request that ended with this error, if that is a refusal: 402, 429 or 503. Of other errors nothing is counted. */
export function countRefusal(counter: RefusalCounter | undefined, caller: Caller, error: unknown): void {
  if (counter === undefined || !(error instanceof BrokerError)) return
  const status = ERRORS[error.code].http
  if (status === 402 || status === 429 || status === 503) counter.count(caller, status)
}
