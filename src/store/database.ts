import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../base/errors.ts'
import { lockFile, type FileLock } from './file-lock.ts'
import { migrate } from './migrate.ts'

/** How long opening waits for another program. Later the event loop never waits: the write queue retries instead. */
const OPEN_TIMEOUT_MS = 5000

/**
 * `power-safe-soon`: acknowledged rows survive a crash of the program at once. A power cut takes at most those that were
 * acknowledged within 50 ms: a thread syncs them, and while it is late no more are acknowledged.
 * `full`: acknowledged rows survive both at once, at the price of an fsync per transaction on the main thread.
 */
export type Durability = 'power-safe-soon' | 'full'

/** Opens the database and brings its tables up to date. A new file is readable only by its owner. */
export function openDatabase(
  path: string,
  durability: Durability,
  migrations: readonly string[],
): DatabaseSync {
  createPrivately(path)
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: OPEN_TIMEOUT_MS })
  try {
    // Checkpoints sync the disk, so they run in a separate thread: see checkpoints.ts.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'};
      PRAGMA wal_autocheckpoint = 0;
    `)
    migrate(database, migrations)
    database.exec('PRAGMA busy_timeout = 0')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Makes this process the only broker on the database until it ends, however it ends: a second broker would take the holds of
 * running requests for those of a dead process. The lock is on a second file, so that `sqlite3` can still read the database.
 */
export function lockForOneBroker(path: string): FileLock {
  createPrivately(`${path}-lock`)
  const lock = lockFile(`${path}-lock`)
  if (lock !== undefined) return lock
  throw new BrokerError(
    'cannot-start',
    `another broker is using ${path}: stop it, or choose another data folder with PATH_VAR`,
  )
}

/** SQLite gives its side files the mode of the main one. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // The file exists already, or SQLite will report why it cannot be created.
  }
}
