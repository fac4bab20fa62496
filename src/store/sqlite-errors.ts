/** SQLite's primary result codes that tell of the place rather than of the statement: trying again later can help. */
const PLACE_CODES: ReadonlySet<number> = new Set([
  5, // SQLITE_BUSY
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
])
const BUSY = 5

/** True when the disk or another program is in the way, not the statement itself. */
export function isPlaceTrouble(error: unknown): boolean {
  return PLACE_CODES.has(primaryCode(error))
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY
}

/** The low byte; the rest only says which system call it was. */
function primaryCode(error: unknown): number {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : 0
  return typeof code === 'number' ? code & 0xff : 0
}
