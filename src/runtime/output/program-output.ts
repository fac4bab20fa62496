import { pino, type Logger } from 'pino'
import type { Clock } from '../../base/clock.ts'
import { asBrokerError, ERRORS } from '../../base/errors.ts'
import { OutputWriter } from './output-writer.ts'
import { ignoreStreamErrors, logWarningsOfNode } from './standard-streams.ts'

/** How long a program that exits waits for its last lines to be written. */
const FLUSH_MS = 1000

/** The outputs of a daemon. None of them ever blocks, throws or ends the process. */
export interface ProgramOutput {
  readonly out: OutputWriter
  readonly errors: OutputWriter
  /** A log on standard error; lines that are lost are counted and reported in the log once it can be written. */
  openLog(level: string): Logger
  /** Exits when everything is written, at the latest after a second. */
  readonly exit: (code: number) => Promise<never>
  /** Prints the error as one sentence, a bug with its stack, and exits with the code of the error. */
  readonly fail: (error: unknown) => Promise<never>
}

/** `program` precedes error messages. */
export function openProgramOutput(program: string, clock: Clock): ProgramOutput {
  ignoreStreamErrors()
  let log: Logger | undefined
  const out = new OutputWriter({ fd: 1, clock })
  const errors = new OutputWriter({
    fd: 2,
    clock,
    onRecovered: (lost) => log?.warn({ lost }, 'lines of this log could not be written and are lost'),
  })
  const exit = async (code: number): Promise<never> => {
    await Promise.all([out.flush(FLUSH_MS), errors.flush(FLUSH_MS)])
    process.exit(code)
  }
  return {
    out,
    errors,
    openLog(level) {
      log = pino({ level }, errors)
      logWarningsOfNode(log)
      return log
    },
    exit,
    fail(error) {
      const { code, message, stack, cause } = asBrokerError(error)
      errors.write(`${program}: ${message}\n`)
      if (code === 'internal') errors.write(`${cause instanceof Error ? cause.stack : stack}\n`)
      return exit(ERRORS[code].exit)
    },
  }
}
