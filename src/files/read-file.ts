import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs'

/** A file that is no regular file, or longer than its limit. The message names the fault, not the path. */
export class UnusableFile extends Error {}

/**
 * The text of a regular file of at most `maxBytes`, without a byte order mark. Opening a FIFO would block the process until
 * somebody writes to it, and a device may have no end, so neither is read. Throws `UnusableFile`, or the error of the system.
 */
export function readRegularFile(path: string, maxBytes: number): string {
  // Before the open, because opening a device can have side effects; after it, because the file may be another one by then.
  assertReadable(statSync(path), maxBytes)
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    assertReadable(fstatSync(file), maxBytes)
    return withoutByteOrderMark(readUpTo(file, maxBytes).toString('utf8'))
  } finally {
    closeSync(file)
  }
}

/** Why a file can't be used, for people. */
export function fileFault(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether the error means that there is no file of that name. */
export function isFileAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function assertReadable(stats: Stats, maxBytes: number): void {
  if (!stats.isFile()) throw new UnusableFile(`it is ${kindOf(stats)}, should be a regular file`)
  if (stats.size > maxBytes)
    throw new UnusableFile(`it has ${sizeText(stats.size)}, at most ${sizeText(maxBytes)} are read`)
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a FIFO'
  return stats.isSocket() ? 'a socket' : 'a device'
}

/** Reads one byte more than allowed: the size of a file can grow after it was checked, and that in `/proc` is always 0. */
function readUpTo(file: number, maxBytes: number): Buffer {
  const parts: Buffer[] = []
  let length = 0
  for (;;) {
    const part = Buffer.allocUnsafe(Math.min(64 * 1024, maxBytes + 1 - length))
    const read = readSync(file, part)
    if (read === 0) return Buffer.concat(parts)
    length += read
    if (length > maxBytes)
      throw new UnusableFile(`it has more than ${sizeText(maxBytes)}, which are not read`)
    parts.push(part.subarray(0, read))
  }
}

function sizeText(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}
