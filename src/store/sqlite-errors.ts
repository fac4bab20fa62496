/** SQLite's primary result codes that concern the disk or the file rather than the statement: a retry can help. */
const STORAGE_CODES: ReadonlySet<number> = new Set([
  5, // SQLITE_BUSY
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
])
const BUSY = 5
const DAMAGED: ReadonlySet<number> = new Set([
  11, // SQLITE_CORRUPT
  26, // SQLITE_NOTADB
])

/** True when the disk or another program is the cause, not the statement. */
export function isStorageError(error: unknown): boolean {
  return STORAGE_CODES.has(primaryCode(error))
}

/** True when another program holds the lock. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY
}

/** True when the content of the file is not what SQLite has written. */
export function isDamage(error: unknown): boolean {
  return DAMAGED.has(primaryCode(error))
}

/** What helps when nothing can be written. */
export function adviceFor(error: unknown): string {
  switch (primaryCode(error)) {
    case BUSY:
      return 'another program holds its lock, such as sqlite3 with an open transaction; end it, and try again'
    case 8:
      return 'the file or its folder is read-only; make it writable, and try again'
    case 10:
    case 14:
      // Some systems report a full disk or a quota as a failed write.
      return 'the disk is full or does not work; free some disk space or check the disk, and try again'
    default:
      return 'free some disk space, and try again'
  }
}

/** A disk that does not take what was written; an I/O error, as far as callers are concerned. */
export function slowDisk(): Error {
  return Object.assign(new Error('the disk takes too long to store what was written'), { errcode: 10 })
}

/** The low byte of the result code; the rest only says which system call failed. */
function primaryCode(error: unknown): number {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : 0
  return typeof code === 'number' ? code & 0xff : 0
}
