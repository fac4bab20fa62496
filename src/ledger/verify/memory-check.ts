import { usdText, money } from '../../base/money.ts'
import { payerAccount } from '../../auth/accounts.ts'
import type { Caller } from '../../auth/caller.ts'
import type { ChainHeads } from '../entries/hash-chain.ts'
import { amount, count, maybeText, text } from '../entries/row-readers.ts'
import type { Problem } from './verdict.ts'
import type { Readable } from './verify.ts'

/** What a running broker knows of its ledger without the file. */
export interface LedgerMemory {
  /** The last hash of each payer. */
  readonly heads: ChainHeads
  /** What a payer has spent, of all that is written. */
  readonly spentBy: (caller: Caller) => bigint
}

const UP_TO = "(SELECT value FROM ledger_marks WHERE name = 'rolled_up')"

/**
 * Compares the file with the memory of the broker that writes it, both at this moment. It finds what was changed while the
 * broker ran, also at the end of the ledger that no roll-up knows yet.
 */
export function memoryProblems(database: Readable, { heads, spentBy }: LedgerMemory): readonly Problem[] {
  try {
    return [...headProblems(database, heads), ...balanceProblems(database, spentBy)]
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [{ kind: 'memory', reason: `the file can't be compared with the running broker: ${reason}` }]
  }
}

function* headProblems(database: Readable, heads: ChainHeads): Generator<Problem> {
  const known = new Map(heads.payers())
  // With max() SQLite takes the other columns from the row that has the maximum.
  const stored = database.prepare(`
    SELECT ip, context, max(seq) AS seq, hash FROM (
      SELECT ip, context, seq, hash FROM chain_heads UNION ALL
      SELECT ip, ifnull(context, ''), seq, hash FROM request_logs WHERE seq > ${UP_TO}
    ) GROUP BY ip, context`)
  for (const row of stored.all()) {
    const caller = callerOf(row)
    const payer = payerAccount(caller)
    const own = known.get(payer)
    known.delete(payer)
    if (own === (row['hash'] ?? undefined)) continue
    const reason =
      'this broker has written another last row of its payer: rows were cut off, added or changed'
    yield { kind: 'memory', seq: count(row, 'seq'), ...caller, reason }
  }
  for (const payer of known.keys()) {
    const [ip = '', context = ''] = payer.split(' ')
    const reason = 'this broker has written rows of its payer, and all of them are missing'
    yield { kind: 'memory', ip, context: context === '' ? undefined : context, reason }
  }
}

function* balanceProblems(database: Readable, spentBy: LedgerMemory['spentBy']): Generator<Problem> {
  const sums = database.prepare(`
    SELECT ip, context, sum(spent) AS spent FROM (
      SELECT ip, context, cost_nano + uncertain_nano AS spent FROM usage_days UNION ALL
      SELECT ip, ifnull(context, ''), ifnull(cost_nano, 0) + uncertain_nano FROM request_logs WHERE seq > ${UP_TO}
    ) GROUP BY ip, context`)
  for (const row of sums.all()) {
    const caller = callerOf(row)
    const [stored, own] = [amount(row, 'spent'), spentBy(caller)]
    if (stored === own) continue
    const reason = `its payer has spent $${usdText(stored)} by the file, and $${usdText(money(own))} by the balance of this broker`
    yield { kind: 'memory', ...caller, reason }
  }
}

function callerOf(row: Parameters<typeof text>[0]): Caller {
  const context = maybeText(row, 'context')
  return { ip: text(row, 'ip'), context: context === '' ? undefined : context }
}
