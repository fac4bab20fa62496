import { BrokerError } from '../../../base/errors.ts'
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
