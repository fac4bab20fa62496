import { openReadOnly } from '../read-only.ts'

const MAX_FINDINGS = 10

/**
 * SQLite's own check of a database's pages; returns what is wrong, at most ten findings. It reads the whole file, without its
 * broker, and takes about a second per gigabyte. Throws `not-found`, and `cannot-start` when the file can't be read at all.
 */
export function quickCheck(path: string): readonly string[] {
  using database = openReadOnly(path)
  try {
    const rows = database.prepare(`PRAGMA quick_check(${MAX_FINDINGS})`).all()
    const findings = rows.map((row) => String(Object.values(row)[0]))
    return findings.length === 1 && findings[0] === 'ok' ? [] : findings.flatMap((text) => text.split('\n'))
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}
