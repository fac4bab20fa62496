import { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../base/errors.ts'
import { prepare, type Statement } from './sql.ts'

/** A database that another process may have open and may be writing. */
export interface ReadOnlyStore extends Disposable {
  prepare(sql: string): Statement
}

/** Opens a database without changing it, whether its broker is running or not. Throws `not-found`. */
export function openReadOnly(path: string): ReadOnlyStore {
  try {
    const database = new DatabaseSync(path, { readOnly: true })
    return { prepare: (sql) => prepare(database, sql), [Symbol.dispose]: () => database.close() }
  } catch (cause) {
    throw new BrokerError('not-found', `there is no database at ${path}`, { cause })
  }
}
