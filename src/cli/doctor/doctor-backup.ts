import { asBrokerError } from '../../base/errors.ts'
import { ledgerSums } from '../backup/ledger-sums.ts'
import type { Cli } from '../cli.ts'
import { whileBlocked } from '../terminal/progress.ts'
import type { Finding } from './finding.ts'

/** Loaded only when it is needed, because it brings the database with it. */
const loadReader = () => import('../../offline/backup/read-backup.ts')

/** Unpacks a backup, and compares its checksums, its pages and its ledger with what was written. */
export async function checkBackup({ terminal }: Cli, path: string): Promise<Finding> {
  const { checkBackup: check } = await loadReader()
  try {
    const manifest = await whileBlocked(terminal, `the backup ${path}`, () => check(path))
    const { problem } = manifest.ledger
    const what = `${path} is as it was written: ${ledgerSums(manifest)}`
    if (problem === undefined) return { state: 'good', what }
    const advice = 'after a restore, “hero_aibroker ledger verify” lists everything that is wrong'
    return { state: 'doubtful', what: `${what}; not intact already then: ${problem}`, advice }
  } catch (thrown) {
    return { state: 'bad', what: asBrokerError(thrown).message, advice: 'use another backup' }
  }
}
