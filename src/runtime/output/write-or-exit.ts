import { writeSync } from 'node:fs'

const STDOUT = 1
const STDERR = 2

/**
 * Writes a text that a program prints before it ends, such as its help, and ends the program when that fails: with one sentence on
 * standard error and exit code 1, or with 0 when the reader of a pipe has closed it.
 */
export function writeOrExit(program: string, text: string): void {
  try {
    let rest: Uint8Array = Buffer.from(text)
    while (rest.length > 0) rest = rest.subarray(writeSync(STDOUT, rest))
  } catch (error) {
    process.exit(reportOutputError(program, error as NodeJS.ErrnoException))
  }
}

/** The exit code of a program whose standard output fails; states the failure on standard error. */
export function reportOutputError(program: string, error: NodeJS.ErrnoException): number {
  // The reader of a pipe may close it early (`| head`); that is not a failure.
  if (error.code === 'EPIPE') return 0
  try {
    writeSync(STDERR, `${program}: the output can’t be written: ${error.message}\n`)
  } catch {
    // The exit code still says it.
  }
  return 1
}
