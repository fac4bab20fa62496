import { DatabaseSync } from 'node:sqlite'
import { isBusy } from './sqlite-errors.ts'

/** A lock on a file, held by this process until `release` or its death, whichever comes first. */
export interface FileLock {
  release(): void
}

/**
 * Takes the lock on `path` without waiting; `undefined` when another process holds it. Of any number of processes that try at
 * once exactly one gets it, and the kernel frees it however the holder dies: the file is an empty SQLite database
 * and the lock is its write lock (a POSIX advisory lock), because Node has no `flock`. The file stays: if it were removed,
 * two processes could lock two files of the same name.
 */
export function lockFile(path: string): FileLock | undefined {
  const database = new DatabaseSync(path)
  try {
    database.exec('BEGIN IMMEDIATE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return { release: () => database.close() }
}
