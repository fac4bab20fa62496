import { BrokerError } from '../base/errors.ts'
import { rebuildLedger } from '../ledger/verify/rebuild.ts'
import { verifyFile } from '../ledger/verify/verify.ts'
import { API_KEYS_MIGRATIONS, MIGRATIONS } from '../store/migrations.ts'
import { rewrite, salvage, type SalvagedTable } from '../store/damage/salvage.ts'
import type { Row } from '../store/sql.ts'

export interface Salvaged {
  readonly tables: readonly SalvagedTable[]
  /** The ledger is not as it was: its rows have new numbers and hashes, and earlier anchors do not fit. */
  readonly isRebuilt: boolean
}

/** Writes what can be read of a `requests.db` or an `apikeys.db` into a new file, and leaves the old one as it is. */
export async function salvageFile(from: string, to: string): Promise<Salvaged> {
  if (/apikeys[^/]*$/.test(from))
    return { tables: salvage({ from, to, migrations: API_KEYS_MIGRATIONS }), isRebuilt: false }
  const tables = salvage({ from, to, migrations: MIGRATIONS, isUsable })
  const { broken, problems = [] } = await verifyFile(to)
  if (broken === undefined) return { tables, isRebuilt: false }
  const hasLostRows =
    tables.some(
      ({ table, error, refused }) => ROW_TABLES.has(table) && (error !== undefined || refused > 0),
    ) || problems.some(({ kind }) => kind === 'row' || kind === 'heads')
  rewrite(to, (database) => rebuildLedger(database, { hasLostRows }))
  const { broken: left } = await verifyFile(to)
  if (left === undefined) return { tables, isRebuilt: true }
  throw new BrokerError('internal', `${to} was written, but does not verify: ${left.reason}`)
}

const ROW_TABLES: ReadonlySet<string> = new Set(['request_logs', 'cleared_days'])

/** JSON in a text column is damaged without SQLite noticing. */
function isUsable(table: string, row: Row): boolean {
  const json =
    table === 'request_logs' ? row['attempts_detail'] : table === 'limit_rules' ? row['rule'] : '{}'
  JSON.parse(String(json))
  return true
}
