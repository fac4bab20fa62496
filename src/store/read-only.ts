import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { BrokerError } from '../base/errors.ts'
import { damagedDatabase } from './damage/damage.ts'
import { prepare, type Statement } from './sql.ts'

/** A database as it was at one moment; another process may have it open and may be writing. */
export interface ReadOnlyStore extends Disposable {
  prepare(sql: string): Statement
}

/**
 * Opens a database without changing it, whether its broker is running or not. All reads see the same moment. Throws
 * `not-found` when there is no file, and `cannot-start` when it is no database.
 */
export function openReadOnly(path: string): ReadOnlyStore {
  if (!existsSync(path)) throw new BrokerError('not-found', `there is no database at ${path}`)
  let database: DatabaseSync | undefined
  try {
    database = openWithin(path)
    const open = database
    return { prepare: (sql) => prepare(open, sql), [Symbol.dispose]: () => open.close() }
  } catch (error) {
    database?.close()
    throw damagedDatabase(path, error)
  }
}

/** How long opening waits for a program that is recovering the log. */
const OPEN_TIMEOUT_MS = 5000

/**
 * Without a write-ahead log no program has the database open; it is then read as it is, for otherwise SQLite would leave a log
 * behind, or refuse a read-only medium.
 */
function openWithin(path: string): DatabaseSync {
  if (existsSync(`${path}-wal`))
    return begin(new DatabaseSync(path, { readOnly: true, timeout: OPEN_TIMEOUT_MS }))
  const url = pathToFileURL(path)
  url.search = '?immutable=1'
  return begin(new DatabaseSync(url, { readOnly: true }))
}

/** Starts a read transaction; the first read fixes the moment. */
function begin(database: DatabaseSync): DatabaseSync {
  try {
    database.exec('BEGIN; SELECT count(*) FROM sqlite_schema')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
