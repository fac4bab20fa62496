import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { asBrokerError } from '../base/errors.ts'
import { findPaths } from '../config/paths.ts'
import { createSettings } from '../config/settings.ts'
import { verifyFile } from '../ledger/verify/verify.ts'
import { quickCheck } from '../store/damage/quick-check.ts'

/** The result of a check of one database. */
export interface FileCheck {
  readonly path: string
  /** What is wrong with it; empty when nothing is. */
  readonly findings: readonly string[]
  /** Its pages are right, and only the ledger in it is not what was written. */
  readonly isReadable: boolean
}

/** Larger ledgers are verified on demand only: it takes some ten seconds for each gigabyte. */
const MAX_VERIFIED_BYTES = 256 * 1024 * 1024

/** The folder of a broker that has the same environment, whether it runs or not. */
export function dataDirOf(environment: Readonly<Record<string, string | undefined>>): string {
  return findPaths(createSettings(environment), process.cwd()).dataDir
}

/** Checks the databases in a data folder, those that exist. A broker may be running. */
export async function checkDatabases(dataDir: string): Promise<readonly FileCheck[]> {
  const paths = ['requests.db', 'apikeys.db']
    .map((name) => join(dataDir, name))
    .filter((path) => existsSync(path))
  return Promise.all(paths.map(checkDatabase))
}

async function checkDatabase(path: string): Promise<FileCheck> {
  try {
    const findings = quickCheck(path)
    if (findings.length > 0) return { path, findings, isReadable: false }
    if (!path.endsWith('requests.db') || statSync(path).size > MAX_VERIFIED_BYTES)
      return { path, findings, isReadable: true }
    const { broken } = await verifyFile(path)
    if (broken === undefined) return { path, findings, isReadable: true }
    const { seq, reason } = broken
    return { path, findings: [seq === 0 ? reason : `row ${seq}: ${reason}`], isReadable: true }
  } catch (error) {
    return { path, findings: [asBrokerError(error).message], isReadable: false }
  }
}
