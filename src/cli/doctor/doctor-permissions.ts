import { stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { formatBytes } from '../terminal/format.ts'
import type { Finding } from './finding.ts'

/** A file, folder or socket that only its owner, or its group, should be able to open. */
interface RestrictedPath {
  readonly path: string
  /** Permission bits that must not be set. */
  readonly forbiddenBits: number
  readonly risk: string
}

/** Connecting to a socket requires the permission to write. */
const OTHERS_MAY_WRITE = 0o002

const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** Checks the permissions of the sockets and the data folder, and the free space on its disk. Skips paths that this user may not read. */
export async function checkPermissionsAndDisk(
  sockets: readonly string[],
  dataDir: string,
): Promise<readonly Finding[]> {
  const restricted: readonly RestrictedPath[] = [
    ...sockets.map((path) => ({
      path,
      forbiddenBits: OTHERS_MAY_WRITE,
      risk: 'every user of this machine may send requests',
    })),
    ...[...new Set(sockets.map((path) => dirname(path)))].map((path) => ({
      path,
      forbiddenBits: OTHERS_MAY_WRITE,
      risk: 'every user of this machine may replace the sockets',
    })),
    { path: dataDir, forbiddenBits: 0o077, risk: 'other users of this machine may read the ledger' },
    {
      path: join(dataDir, '.env'),
      forbiddenBits: 0o077,
      risk: 'other users of this machine may read the keys',
    },
  ]
  const exposed = (await Promise.all(restricted.map(checkPath))).filter((finding) => finding !== undefined)
  const permissions: Finding = { state: 'good', what: 'sockets and data are not accessible to other users' }
  return [...(exposed.length === 0 ? [permissions] : exposed), ...(await checkDisk(dataDir))]
}

async function checkPath({ path, forbiddenBits, risk }: RestrictedPath): Promise<Finding | undefined> {
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => undefined,
  )
  if (mode === undefined || (mode & forbiddenBits) === 0) return undefined
  const allowedMode = mode & ~forbiddenBits
  return {
    state: 'bad',
    what: `${path} is open (${mode.toString(8)}): ${risk}`,
    advice: `chmod ${allowedMode.toString(8)} ${path}, or “hero_aibroker doctor --mend”`,
    mend: { path, mode: allowedMode },
  }
}

async function checkDisk(dataDir: string): Promise<readonly Finding[]> {
  const disk = await statfs(dataDir).catch(() => undefined)
  if (disk === undefined) return []
  const free = disk.bavail * disk.bsize
  const what = `${formatBytes(free)} free for ${dataDir}`
  if (free >= GIB) return [{ state: 'good', what }]
  const advice =
    'free some space: on a full disk requests are refused, because each must be recorded in the ledger'
  return [{ state: free < 64 * MIB ? 'bad' : 'doubtful', what, advice }]
}
