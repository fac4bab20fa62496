import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary folder; disposing it removes the folder. */
export interface TempFolder extends Disposable {
  readonly path: string
}

/** Creates a folder with a short path, because the path of a Unix socket holds 107 bytes at most. */
export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), 'hb-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
