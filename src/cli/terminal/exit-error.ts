import { CommanderError } from 'commander'

import { ERRORS, asBrokerError } from '../../base/errors.ts'
import type { BrokerError } from '../../base/errors.ts'
import { withoutControls } from './terminal.ts'

/** How a failed command ends. */
export interface Failure {
  /** One line for people; absent when commander has printed the error already. */
  readonly line: string | undefined
  /** The exit code of the error's row in `ERRORS`. */
  readonly exit: number
}

/** Ends a command with the exit code of a program that it ran; that program has said why. */
export class CommandExit extends Error {
  readonly exit: number

  constructor(exit: number) {
    super(`ended with ${exit}`)
    this.name = 'CommandExit'
    this.exit = exit
  }
}

/** For bad arguments, which commander has explained already. */
const USAGE_ERROR = ERRORS['bad-request'].exit

/** The code with which a shell reports a process that Ctrl-C ended. */
const INTERRUPTED = 130

export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof CommandExit) return { line: undefined, exit: thrown.exit }
  if (thrown instanceof CommanderError)
    return { line: undefined, exit: thrown.exitCode === 0 ? 0 : USAGE_ERROR }
  if (thrown instanceof DOMException && thrown.name === 'AbortError')
    return { line: undefined, exit: INTERRUPTED }
  const error = asBrokerError(thrown)
  return { line: withoutControls(formatFailure(error)), exit: ERRORS[error.code].exit }
}

/** The error as one sentence, with the provider and what would help. */
export function formatFailure(error: BrokerError): string {
  if (error.code === 'unreachable') {
    return `${error.message}; start one with “npm start”, or name its socket with --socket`
  }
  if (error.code === 'internal' && error.cause instanceof Error)
    return `${error.message}: ${error.cause.message}`
  const { provider, retryAfter } = error.details
  const source = provider === undefined || error.message.includes(provider) ? '' : ` (${provider})`
  const retryAdvice = retryAfter === undefined ? '' : `; try again in ${Math.ceil(retryAfter)} s`
  return `${error.message}${source}${retryAdvice}`
}
