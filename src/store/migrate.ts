import type { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../base/errors.ts'
import { MIGRATIONS } from './migrations.ts'
import { prepare } from './sql.ts'

/** Brings the tables up to date, all steps or none. A database from a newer program is refused untouched. */
export function migrate(database: DatabaseSync): void {
  const version = Number(prepare(database, 'PRAGMA user_version').get()?.['user_version'])
  if (version > MIGRATIONS.length) throw fromTheFuture(version)
  if (version === MIGRATIONS.length) return
  database.exec('BEGIN IMMEDIATE')
  try {
    for (const sql of MIGRATIONS.slice(version)) database.exec(sql)
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`)
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function fromTheFuture(version: number): BrokerError {
  const message = `the database has version ${version}, this program knows ${MIGRATIONS.length}: use the newer program`
  return new BrokerError('cannot-start', message)
}
