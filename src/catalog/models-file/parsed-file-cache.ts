import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { ModelsFile } from './models-file.ts'

/**
 * Keeps what a models file was parsed to for the next start, beside Node's compile cache: inside the package, where no other user
 * can write. Parsing the shipped file takes a quarter of the start and grows the heap to twice its size.
 */

/** A smaller file is parsed as fast as it is looked up. */
const MIN_CHARACTERS = 16 * 1024
const DIGEST_BYTES = 32

/** What the text was parsed to by this very code, or `undefined`. */
export function readParsed(path: string, text: string, folder = cacheFolder()): ModelsFile | undefined {
  const cacheFile = cacheFileFor(path, text, folder)
  if (cacheFile === undefined) return undefined
  try {
    const bytes = readFileSync(cacheFile)
    if (!bytes.subarray(0, DIGEST_BYTES).equals(digestOf(text))) return undefined
    return deserialize(bytes.subarray(DIGEST_BYTES)) as ModelsFile
  } catch {
    return undefined
  }
}

/** Without a place to keep it the next start parses again. */
export function keepParsed(path: string, text: string, file: ModelsFile, folder = cacheFolder()): void {
  const cacheFile = cacheFileFor(path, text, folder)
  if (cacheFile === undefined) return
  try {
    // Another process may write the same file now.
    const draft = `${cacheFile}.${process.pid}`
    writeFileSync(draft, Buffer.concat([digestOf(text), serialize(file)]), { mode: 0o600 })
    renameSync(draft, cacheFile)
  } catch {
    // A full disk, or a package that only root may write.
  }
}

/** The folder of the package's caches; `undefined` in a program that has no compile cache. */
function cacheFolder(): string | undefined {
  const compileCache = module.getCompileCacheDir()
  return compileCache === undefined ? undefined : dirname(compileCache)
}

function cacheFileFor(path: string, text: string, folder: string | undefined): string | undefined {
  if (folder === undefined || text.length < MIN_CHARACTERS) return undefined
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16)
  return join(folder, `models-${name}.bin`)
}

/** Covers the code as well: an update of the package, or an edit in a clone, makes the parsed file stale. */
function digestOf(text: string): Buffer {
  const hash = createHash('sha256').update(process.version).update(text)
  for (const folder of ['..', '../../base']) hash.update(codeStampOf(join(import.meta.dirname, folder)))
  return hash.digest()
}

function codeStampOf(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(folder, name))
      return `${name} ${size} ${mtimeMs}`
    })
    .join('\n')
}
