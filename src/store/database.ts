import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../base/errors.ts'
import { lockFile, type FileLock } from './file-lock.ts'
import { migrate } from './migrate.ts'

/** How long opening waits for another program; afterwards the loop never waits, the write queue tries again. */
const OPENING_PATIENCE_MS = 5000

/**
 * `power-safe-soon`: acknowledged rows survive a crash of the program at once and a power cut after 50 ms, from the end of
 * the event loop's turn that wrote them.
 * `full`: they survive both at once, for an fsync per transaction on the main thread.
 */
export type Durability = 'power-safe-soon' | 'full'

/** Opens the database with its tables up to date, creating it readable by its owner alone. */
export function openDatabase(
  path: string,
  durability: Durability,
  migrations: readonly string[],
): DatabaseSync {
  createPrivately(path)
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: OPENING_PATIENCE_MS })
  try {
    // Checkpoints sync the disk, so they run in a thread of their own: see checkpoints.ts.
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
 * Makes this process the only broker on the database until it ends, however it ends: a second one would take our
 * running holds for those of a dead process. A second file carries the lock, so that `sqlite3` can still read the first.
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
    // It is there already, or SQLite will say why it can't be.
  }
}
