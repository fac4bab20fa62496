import { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { reportedFailure, type AttemptFailure } from '../../fallback/retry-policy.ts'
import type { RequestRecord } from './request-record.ts'

/** How one attempt ended. */
export type AttemptOutcome =
  | { readonly type: 'completed' }
  | { readonly type: 'disconnected' }
  | FailedOutcome

export interface FailedOutcome {
  readonly type: 'failed'
  readonly error: BrokerError
  /** The caller has seen a part of the response. */
  readonly isPartial: boolean
  /** After hedged attempts: how each failed, the last one as the outcome says. */
  readonly failures?: readonly AttemptFailure<Endpoint>[] | undefined
}

export const DISCONNECTED: AttemptOutcome = { type: 'disconnected' }

/** The outcome of a request none of whose attempts succeeded. */
export function outcomeOf(history: readonly AttemptFailure<Endpoint>[]): AttemptOutcome {
  const error = reportedFailure(history)?.error
  return error === undefined ? DISCONNECTED : { type: 'failed', error, isPartial: false }
}

/** The outcome of an attempt that the budget does not afford: the caller gets the error of the attempt before. */
export function notAfforded({ lastError }: RequestRecord, isPartial: boolean): AttemptOutcome {
  const error =
    lastError ??
    new BrokerError(
      'upstream-failed',
      'the response is not complete, and the budget affords no attempt to resume it',
    )
  return { type: 'failed', error, isPartial }
}
