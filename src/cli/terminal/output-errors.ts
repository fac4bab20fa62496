import { fstatSync, writeSync } from 'node:fs'

/** The standard streams of the process. */
interface Streams {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly exit: (code: number) => never
}

const STDOUT = 1

/** Ends the program with one sentence when its output can't be written, on a full disk for example. */
export function handleOutputErrors({ stdout, stderr, exit }: Streams): void {
  if (isFile(STDOUT)) writeCompletely(stdout)
  // An error that can't be printed must not replace the exit code of the error itself.
  stderr.on('error', () => undefined)
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe may close it early (`| head`); that is not a failure.
    if (error.code === 'EPIPE') exit(0)
    stderr.write(`hero_aibroker: the output can’t be written: ${error.message}\n`)
    exit(1)
  })
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

/** Node's stream for files ignores that a file system which becomes full takes only a part of a text. */
function writeCompletely(stdout: NodeJS.WriteStream): void {
  stdout._write = (chunk: string | Buffer, encoding, callback) => {
    try {
      let rest = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
      while (rest.length > 0) rest = rest.subarray(writeSync(STDOUT, rest))
    } catch (error) {
      return callback(error as Error)
    }
    callback()
  }
}
