import { CommanderError } from 'commander'

import { ERRORS, asBrokerError } from '../../base/errors.ts'
import type { BrokerError } from '../../base/errors.ts'
import { withoutControls } from './terminal.ts'

/** How a command that failed ends. */
export interface Failure {
  /** One line for people; absent when it was said already. */
  readonly line: string | undefined
  /** Follows the error table. */
  readonly exit: number
}

/** Bad arguments: commander has said what is wrong with them. */
const MISUSED = ERRORS['bad-request'].exit

/** As a shell reports a process that Ctrl-C ended. */
const INTERRUPTED = 130

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CommanderError) return { line: undefined, exit: thrown.exitCode === 0 ? 0 : MISUSED }
  if (thrown instanceof DOMException && thrown.name === 'AbortError')
    return { line: undefined, exit: INTERRUPTED }
  const error = asBrokerError(thrown)
  return { line: withoutControls(sayFailure(error)), exit: ERRORS[error.code].exit }
}

/** A failure as a sentence with what would help. */
export function sayFailure(error: BrokerError): string {
  if (error.code === 'unreachable') {
    return `${error.message}; start one with “npm start”, or name its socket with --socket`
  }
  if (error.code === 'internal' && error.cause instanceof Error)
    return `${error.message}: ${error.cause.message}`
  const { provider, retryAfter } = error.details
  const who = provider === undefined || error.message.includes(provider) ? '' : ` (${provider})`
  const when = retryAfter === undefined ? '' : `; try again in ${Math.ceil(retryAfter)} s`
  return `${error.message}${who}${when}`
}
