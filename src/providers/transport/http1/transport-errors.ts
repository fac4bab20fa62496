import { BrokerError, withDetails } from '../../../base/errors.ts'
import { resourceLimitError } from '../resource-limits.ts'

/** The errors of a call between us and the provider. `mayRepeat` marks those where the provider cannot have read the request. */

export function failedToConnect(where: string, cause: Error): BrokerError {
  return failed(`no connection to ${where}: ${reasonOf(cause)}`, cause, true)
}

export function tookTooLong(what: string, afterMs: number, mayRepeat: boolean): BrokerError {
  return new BrokerError('upstream-timeout', `the provider took too long: ${what} within ${afterMs} ms`, {
    details: mayRepeat ? { mayRepeat } : {},
  })
}

export function closedEarly(when: string, cause: Error | undefined): BrokerError {
  const why = cause === undefined ? '' : ` (${reasonOf(cause)})`
  return failed(`the connection to the provider was closed ${when}${why}`, cause, false)
}

/** The system refused the request's first byte. */
export function unsent(cause: Error | undefined): BrokerError {
  const why = cause === undefined ? '' : ` (${reasonOf(cause)})`
  return failed(`the connection to the provider was closed before the request was sent${why}`, cause, true)
}

/** A kept connection was closed as the request was sent. The provider may have read it, so that a retry may be charged again. */
export function closedWhileSent(cause: Error | undefined): BrokerError {
  return withDetails(closedEarly('as the request was sent on it', cause), { isStale: true })
}

export function brokenResponse(cause: Error): BrokerError {
  return failed(`the provider’s response can’t be understood: ${cause.message}`, cause, false)
}

export function upstreamClosed(): BrokerError {
  return failed(
    'the connections to the provider are closed, because it was removed or the broker stops',
    undefined,
    true,
  )
}

function failed(message: string, cause: Error | undefined, mayRepeat: boolean): BrokerError {
  return (
    resourceLimitError(cause) ??
    new BrokerError('upstream-failed', message, { cause, details: mayRepeat ? { mayRepeat } : {} })
  )
}

/** When several addresses were tried, only the inner errors have a message. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join(', ')
  return error.message
}
