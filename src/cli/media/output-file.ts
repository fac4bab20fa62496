import { accessSync, constants, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { BrokerError } from '../../base/errors.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** The name that stands for standard output. */
export const STANDARD_OUTPUT = '-'

/**
 * Where the result goes: the file that was named, else a pipe. Throws `bad-request`, before the request costs anything, for a folder
 * that can't be written and for a terminal, which bytes would garble.
 */
export function outputFor(terminal: Terminal, path: string | undefined, example: string): string {
  if (path !== undefined && path !== STANDARD_OUTPUT) checkFolder(path)
  if (path !== undefined) return path
  if (!terminal.output.isTTY) return STANDARD_OUTPUT
  throw new BrokerError('bad-request', `name a file for the result: -o ${example}`)
}

/**
 * Writes the pieces as they come and returns the number of bytes. The file appears under its name when it is complete, so that a
 * result that breaks off never looks whole. Throws `bad-request` for a file that can't be written.
 */
export async function writeOutput(
  { output }: Terminal,
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> {
  let bytes = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      bytes += piece.length
      yield piece
    }
  }
  if (path === STANDARD_OUTPUT) await pipeline(counted, output, { end: false })
  else await writeFile(path, counted())
  return bytes
}

async function writeFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const draft = `${path}.${process.pid}.part`
  try {
    await pipeline(pieces, createWriteStream(draft, { flags: 'wx' }))
    await rename(draft, path)
  } catch (cause) {
    await rm(draft, { force: true })
    throw cause instanceof Error && 'syscall' in cause ? writeError(path, cause) : cause
  }
}

function checkFolder(path: string): void {
  try {
    accessSync(`${dirname(path)}/`, constants.W_OK)
  } catch (cause) {
    throw writeError(path, cause)
  }
}

function writeError(path: string, cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new BrokerError('bad-request', `can’t write ${path}: ${reason}`, { cause })
}
