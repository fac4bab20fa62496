import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { usdText } from '../../base/money.ts'
import type { Verdict } from '../../ledger/verify/verdict.ts'

export const MANIFEST = 'manifest.json'

/**
 * The files of a data folder that a backup holds, as far as they exist: both databases, the keys that go with them, and where
 * the settings are kept. Reports are derived from the ledger. Keys of providers (`.env`) stay out of backups.
 */
export const BACKED_UP = [
  'requests.db',
  'apikeys.db',
  'apikeys.key',
  'ledger.key',
  'settings.location',
] as const

export type BackedUpFile = (typeof BACKED_UP)[number]

const head = z.object({
  seq: z.int(),
  digest: z.string(),
  requests: z.int(),
  cost_usd: z.string(),
  uncertain_usd: z.string(),
})

const schema = z.object({
  format: z.literal(1),
  /** Of the program that wrote the backup. */
  version: z.string(),
  created_at: z.string(),
  files: z.array(
    z.object({
      name: z.enum(BACKED_UP),
      bytes: z.int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** The ledger as it was verified when the backup was made. */
  ledger: z.object({ head, problem: z.string().optional() }),
})

/** What is in a backup. */
export type Manifest = z.infer<typeof schema>

/** The state of a ledger in a manifest, with the first problem of one that is not as it was written. */
export function ledgerState({ head: found, broken }: Verdict): Manifest['ledger'] {
  const { seq, digest, requests, cost, uncertain } = found
  const sums = { requests, cost_usd: usdText(cost), uncertain_usd: usdText(uncertain) }
  return { head: { seq, digest, ...sums }, ...(broken === undefined ? {} : { problem: broken.reason }) }
}

/** Throws `bad-request` for what is no manifest of a version that this program reads. */
export function parseManifest(text: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new BrokerError(
    'bad-request',
    `its ${MANIFEST} is missing or of another version; name a file of “hero_aibroker backup”`,
  )
}

export async function describeFile(folder: string, name: BackedUpFile): Promise<Manifest['files'][number]> {
  const path = join(folder, name)
  return { name, bytes: statSync(path).size, sha256: await sha256Of(path) }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return hash.digest('hex')
}
