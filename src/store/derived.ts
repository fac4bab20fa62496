import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { prepare, type Statement } from './sql.ts'

/** A database that is computed from another one. It may be deleted at any time: the next opening builds it again. */
export interface DerivedStore extends Disposable {
  prepare(sql: string): Statement
  exec(sql: string): void
  /** Runs the job in one transaction. */
  transaction<T>(job: () => T): T
}

/**
 * Opens or creates the database at `path` with these tables, and attaches the one at `sourcePath`, read only, as `source`. A file
 * with another version, and one that SQLite cannot read, is replaced by an empty one. It is never synced to the disk.
 */
export function openDerived(
  path: string,
  { sourcePath, version, tables }: { sourcePath: string; version: number; tables: string },
): DerivedStore {
  try {
    return openWith(path, sourcePath, version, tables)
  } catch {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
    return openWith(path, sourcePath, version, tables)
  }
}

const BUSY_TIMEOUT_MS = 5000

function openWith(path: string, sourcePath: string, version: number, tables: string): DerivedStore {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY')
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (found !== 0 && found !== version) throw new Error(`version ${found} is not ${version}`)
    if (found === 0) database.exec(`BEGIN; ${tables}; PRAGMA user_version = ${version}; COMMIT`)
    const url = pathToFileURL(sourcePath)
    url.search = '?mode=ro'
    database.prepare('ATTACH ? AS source').run(url.href)
    return derivedStore(database)
  } catch (error) {
    database.close()
    throw error
  }
}

function derivedStore(database: DatabaseSync): DerivedStore {
  return {
    prepare: (sql) => prepare(database, sql),
    exec: (sql) => database.exec(sql),
    transaction(job) {
      database.exec('BEGIN')
      try {
        const result = job()
        database.exec('COMMIT')
        return result
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      }
    },
    [Symbol.dispose]: () => database.close(),
  }
}
