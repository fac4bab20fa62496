import { BrokerError } from '../../../base/errors.ts'
import { ourLimit } from '../resource-limits.ts'

/** What can happen to a call between us and the provider, in words. `mayRepeat` is for those that the provider can't have heard. */

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

export function brokenAnswer(cause: Error): BrokerError {
  return failed(`the provider’s answer can’t be understood: ${cause.message}`, cause, false)
}

export function upstreamClosed(): BrokerError {
  return failed('the provider is not asked any more, its connections are closed', undefined, true)
}

function failed(message: string, cause: Error | undefined, mayRepeat: boolean): BrokerError {
  return (
    ourLimit(cause) ??
    new BrokerError('upstream-failed', message, { cause, details: mayRepeat ? { mayRepeat } : {} })
  )
}

/** Where several addresses were tried, only the errors inside have words. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join(', ')
  return error.message
}
