import { dirname, join } from 'node:path'
import { readAnchor, SIGNING_KEY_FILE, type Anchor } from '../ledger/verify/anchor.ts'
import { verdictJson } from '../ledger/verify/verdict-json.ts'
import { verifyFile } from '../ledger/verify/verify.ts'
import type { Result } from '../wire/rpc/methods.ts'

/** Verifies a `requests.db` without its broker, as `ledger.verify` does with it; the file is not changed. */
export async function verifyLedgerFile(path: string, anchor?: Anchor): Promise<Result<'ledger.verify'>> {
  const keyPath = join(dirname(path), SIGNING_KEY_FILE)
  const head = anchor === undefined ? undefined : readAnchor(anchor, keyPath)
  return verdictJson(await verifyFile(path, { anchor: head }))
}
