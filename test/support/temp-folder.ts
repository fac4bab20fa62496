import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A short-named folder of one test; gone when the test is. */
export interface TempFolder extends Disposable {
  readonly path: string
}

/** Short, for a socket path holds 107 bytes. */
export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), 'hb-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
