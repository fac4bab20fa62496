import { closeSync, openSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import { damagedDatabase } from './damage/damage.ts'

/** Of a single step: more pages than a database can have (SQLite, “Limits In SQLite”: 4294967294), as far as a C int goes. */
const ALL_PAGES = 2 ** 31 - 1
/** How long the copy waits for a program that is recovering the log. */
const TIMEOUT_MS = 5000

/**
 * Copies a database, page by page, as it is at one moment, into the new private file `to`. A broker may have it open and may
 * be writing: all pages are copied in one step, which is one read transaction, so that writers neither wait nor make it start
 * again (https://www.sqlite.org/backup.html). The copy runs in a thread. Throws `cannot-start` for what is no database.
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  closeSync(openSync(to, 'wx', 0o600))
  const database = new DatabaseSync(from, { readOnly: true, timeout: TIMEOUT_MS })
  try {
    await backup(database, to, { rate: ALL_PAGES })
  } catch (error) {
    throw damagedDatabase(from, error)
  } finally {
    database.close()
  }
}
