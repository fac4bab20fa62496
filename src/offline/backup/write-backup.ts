import {
  chmodSync,
  closeSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { packTar, type TarSource } from 'modern-tar/fs'
import { BrokerError } from '../../base/errors.ts'
import { verifyFile } from '../../ledger/verify/verify.ts'
import { copyDatabase } from '../../store/copy-database.ts'
import { BACKED_UP, describeFile, ledgerState, MANIFEST, type Manifest } from './manifest.ts'

export interface BackupOptions {
  readonly dataDir: string
  /** The backup: a file that does not exist yet. */
  readonly to: string
  /** Of this program. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What became of a backup. */
export interface WrittenBackup {
  readonly path: string
  readonly bytes: number
  readonly manifest: Manifest
}

/** Fast enough for a disk, and half of the size. */
const LEVEL = 3

/**
 * Writes the databases of a data folder, each as it is at one moment, into one compressed archive (`tar.gz`). A broker may be
 * running and writing. The ledger is verified first; one that is not as it was written is kept all the same, and the manifest
 * says so. Throws `not-found` without a ledger, and `bad-request` when the file exists or can't be written.
 */
export async function writeBackup({ dataDir, to, version, now }: BackupOptions): Promise<WrittenBackup> {
  if (!existsSync(join(dataDir, 'requests.db')))
    throw new BrokerError('not-found', `there is no ledger in ${dataDir}: name the folder with PATH_VAR`)
  if (existsSync(to)) throw new BrokerError('bad-request', `${to} exists already and was not changed`)
  const scratch = makeScratch(dirname(resolve(to)))
  try {
    const names = await copyFiles(dataDir, scratch)
    const files = await Promise.all(names.map((name) => describeFile(scratch, name)))
    const ledger = ledgerState(await verifyFile(join(scratch, 'requests.db')))
    const created_at = new Date(now).toISOString()
    const manifest: Manifest = { format: 1, version, created_at, files, ledger }
    const archive = join(scratch, 'archive')
    await writeArchive(archive, scratch, manifest)
    renameSync(archive, to)
    return { path: to, bytes: statSync(to).size, manifest }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** A private folder beside the backup: there is space for it where there is space for the copies. */
export function makeScratch(folder: string): string {
  try {
    return mkdtempSync(join(folder, '.hero_aibroker-'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('bad-request', `can’t write in ${folder}: ${reason}`, { cause })
  }
}

async function copyFiles(from: string, to: string) {
  const names = BACKED_UP.filter((name) => existsSync(join(from, name)))
  for (const name of names) {
    const target = join(to, name)
    if (name.endsWith('.db')) await copyDatabase(join(from, name), target)
    else copyFileSync(join(from, name), target)
    chmodSync(target, 0o600)
  }
  return names
}

async function writeArchive(path: string, folder: string, manifest: Manifest): Promise<void> {
  const sources: TarSource[] = [
    {
      type: 'content',
      content: `${JSON.stringify(manifest, undefined, 2)}\n`,
      target: MANIFEST,
      mode: 0o600,
    },
    ...manifest.files.map(({ name }) => {
      return { type: 'file', source: join(folder, name), target: name, mode: 0o600 } as const
    }),
  ]
  const output = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  await pipeline(packTar(sources, { concurrency: 1 }), createGzip({ level: LEVEL }), output)
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}
