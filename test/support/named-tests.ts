import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a file below `test/` has a test, or a group of tests, of exactly this name. False when there is no such file. */
export function hasTest({ file, test }: { readonly file: string; readonly test: string }): boolean {
  try {
    return readFileSync(join(import.meta.dirname, '..', file), 'utf8').includes(`'${test}'`)
  } catch {
    return false
  }
}
