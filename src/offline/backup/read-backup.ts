import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { unpackTar } from 'modern-tar/fs'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { readRegularFile } from '../../files/read-file.ts'
import { verifyFile } from '../../ledger/verify/verify.ts'
import { quickCheck } from '../../store/damage/quick-check.ts'
import { BACKED_UP, describeFile, ledgerState, MANIFEST, parseManifest, type Manifest } from './manifest.ts'
import { makeScratch } from './write-backup.ts'

const MAX_MANIFEST_BYTES = 64 * 1024

/**
 * Unpacks a backup beside it and compares every checksum, every page and the whole ledger with its manifest; leaves nothing
 * behind. Throws `not-found`, and `bad-request` with what is wrong.
 */
export function checkBackup(path: string): Promise<Manifest> {
  return withUnpacked(path, dirname(resolve(path)), async (_folder, manifest) => manifest)
}

/**
 * Puts the files of a backup into a data folder that has none of them yet, after checking them as `checkBackup` does. Either
 * all of them appear or, when something is wrong, none. Throws as `checkBackup`, and `bad-request` when the folder has a ledger.
 */
export function restoreBackup(path: string, dataDir: string): Promise<Manifest> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const present = BACKED_UP.filter((name) => existsSync(join(dataDir, name)))
  if (present.length > 0)
    throw new BrokerError(
      'bad-request',
      `${dataDir} has ${present.join(', ')} already, and nothing was changed: restore into another folder with --to, or move these files away while the broker is stopped`,
    )
  return withUnpacked(path, dataDir, async (folder, manifest) => {
    // The ledger comes last: a broker that starts before would begin a new one, and a restore would refuse to go on.
    const names = manifest.files.map(({ name }) => name).toSorted((one) => (one === 'requests.db' ? 1 : -1))
    for (const name of names) renameSync(join(folder, name), join(dataDir, name))
    return manifest
  })
}

async function withUnpacked<T>(
  path: string,
  place: string,
  work: (folder: string, manifest: Manifest) => Promise<T>,
): Promise<T> {
  if (!existsSync(path)) throw new BrokerError('not-found', `there is no backup at ${path}`)
  const folder = makeScratch(place)
  try {
    await unpack(path, folder)
    const manifest = readManifest(folder)
    await checkFiles(folder, manifest)
    return await work(folder, manifest)
  } catch (cause) {
    const error = asBrokerError(cause)
    throw new BrokerError('bad-request', `${path} is no sound backup: ${error.message}`, { cause })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Only files of the expected names are unpacked, whatever an archive holds. */
async function unpack(path: string, folder: string): Promise<void> {
  const expected: ReadonlySet<string> = new Set([MANIFEST, ...BACKED_UP])
  const filter = ({ name, type }: { name: string; type?: string }): boolean =>
    type === 'file' && expected.has(name)
  try {
    const options = { filter, strict: true, fmode: 0o600, concurrency: 1 }
    await pipeline(createReadStream(path), createGunzip(), unpackTar(folder, options))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('bad-request', `it can’t be unpacked (${reason})`, { cause })
  }
}

function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST)
  return parseManifest(existsSync(path) ? readRegularFile(path, MAX_MANIFEST_BYTES) : '')
}

async function checkFiles(folder: string, manifest: Manifest): Promise<void> {
  const unpacked: ReadonlySet<string> = new Set(readdirSync(folder))
  if (!unpacked.has('requests.db')) throw damaged('requests.db', 'it is missing')
  for (const { name, bytes, sha256 } of manifest.files) {
    if (!unpacked.has(name)) throw damaged(name, 'it is missing')
    const found = await describeFile(folder, name)
    if (found.bytes !== bytes) throw damaged(name, `it has ${found.bytes} bytes, not ${bytes}`)
    if (found.sha256 !== sha256) throw damaged(name, 'its SHA-256 is another one')
    const [finding] = name.endsWith('.db') ? quickCheck(join(folder, name)) : []
    if (finding !== undefined) throw damaged(name, finding)
  }
  const ledger = ledgerState(await verifyFile(join(folder, 'requests.db')))
  if (JSON.stringify(ledger) !== JSON.stringify(manifest.ledger))
    throw damaged('requests.db', 'its ledger is not that of the manifest')
}

function damaged(name: string, reason: string): BrokerError {
  return new BrokerError('bad-request', `${name}: ${reason}`)
}
