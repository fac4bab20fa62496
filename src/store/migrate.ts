import type { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../base/errors.ts'
import { prepare } from './sql.ts'

/**
 * Applies all missing migrations, or none. Throws `cannot-start` for a database of a newer program, and leaves it as it is.
 */
export function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  const version = Number(prepare(database, 'PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) throw newerDatabase(version, migrations.length)
  if (version === migrations.length) return
  database.exec('BEGIN IMMEDIATE')
  try {
    for (const sql of migrations.slice(version)) database.exec(sql)
    database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function newerDatabase(version: number, known: number): BrokerError {
  const message = `the database has version ${version}, this program knows ${known}: use the newer program`
  return new BrokerError('cannot-start', message)
}
