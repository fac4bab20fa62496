import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

import type { Finding } from './finding.ts'

/** A file, folder or socket that only its owner, or its group, should be able to open. */
interface Closed {
  readonly path: string
  /** Permission bits that must not be set. */
  readonly never: number
  readonly risk: string
}

/** Connecting to a socket requires the permission to write. */
const MAY_CONNECT = 0o002

const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** Checks the permissions of the sockets and the data folder, and the free space on its disk. Skips paths that this user may not read. */
export async function lookAtHouse(sockets: readonly string[], dataDir: string): Promise<readonly Finding[]> {
  const closed: readonly Closed[] = [
    ...sockets.map((path) => ({
      path,
      never: MAY_CONNECT,
      risk: 'every user of this machine may send requests',
    })),
    { path: dataDir, never: 0o077, risk: 'other users of this machine may read the ledger' },
    { path: join(dataDir, '.env'), never: 0o077, risk: 'other users of this machine may read the keys' },
  ]
  const open = (await Promise.all(closed.map(lookAtOne))).filter((finding) => finding !== undefined)
  const permissions: Finding = { state: 'good', what: 'sockets and data are not accessible to other users' }
  return [...(open.length === 0 ? [permissions] : open), ...(await lookAtDisk(dataDir))]
}

async function lookAtOne({ path, never, risk }: Closed): Promise<Finding | undefined> {
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => undefined,
  )
  if (mode === undefined || (mode & never) === 0) return undefined
  const right = mode & ~never
  return {
    state: 'bad',
    what: `${path} is open (${mode.toString(8)}): ${risk}`,
    advice: `chmod ${right.toString(8)} ${path}, or “hero_aibroker doctor --mend”`,
    mend: { path, mode: right },
  }
}

async function lookAtDisk(dataDir: string): Promise<readonly Finding[]> {
  const disk = await statfs(dataDir).catch(() => undefined)
  if (disk === undefined) return []
  const free = disk.bavail * disk.bsize
  const what = `${sizeText(free)} free for ${dataDir}`
  if (free >= GIB) return [{ state: 'good', what }]
  const advice =
    'free some space: on a full disk requests are refused, because each must be recorded in the ledger'
  return [{ state: free < 64 * MIB ? 'bad' : 'doubtful', what, advice }]
}

function sizeText(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.floor(bytes / MIB)} MiB`
}
