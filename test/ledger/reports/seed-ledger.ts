import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { money } from '../../../src/base/money.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import { openReports, type Reports } from '../../../src/ledger/reports/reports.ts'
import type { EntryStatus } from '../../../src/ledger/types.ts'
import { openStore, type Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { finished, request, usage } from '../samples.ts'

/** A ledger in a folder of its own, with reports on it. */
export interface LedgerWithReports extends AsyncDisposable {
  readonly folder: string
  readonly store: Store
  readonly ledger: Ledger
  readonly reports: Reports
}

export function ledgerWithReports(): LedgerWithReports {
  const folder = tempFolder()
  const path = join(folder.path, 'requests.db')
  const store = openStore({ path, clock: systemClock, durability: 'power-safe-soon' })
  const ledger = createLedger({ store })
  const whenWritten = () => ledger.whenWritten()
  const reports = openReports({ path: join(folder.path, 'reports.db'), sourcePath: path, whenWritten })
  return {
    folder: folder.path,
    store,
    ledger,
    reports,
    async [Symbol.asyncDispose]() {
      await reports[Symbol.asyncDispose]()
      await store.close()
      folder[Symbol.dispose]()
    },
  }
}

/** What one request of a seeded ledger is: every field follows from its number, so that a failure can be repeated. */
export interface SeededRequest {
  readonly id: string
  readonly ip: string
  readonly context: string | undefined
  readonly token: string | undefined
  readonly model: string
  readonly status: EntryStatus
  readonly cost: bigint | undefined
  readonly costHigh: bigint | undefined
  /** Unix seconds. */
  readonly at: number
}

/** 2026-10-10 00:00 UTC; the clocks of Brussels change on 2026-10-25. */
export const SEEDED_FROM = Date.UTC(2026, 9, 10) / 1000
/** 30 days. */
export const SEEDED_UNTIL = SEEDED_FROM + 30 * 86_400

const MODELS = ['gpt-4o-mini', 'a//b%#😀', '', 'llama-3.3-70b', 'claude']
const STATUSES: readonly EntryStatus[] = ['finished', 'finished', 'finished', 'failed', 'finished', 'broken']

/** Number `index` of `count` requests, spread over the 30 days. */
export function seededRequest(index: number, count: number): SeededRequest {
  const isUnpriced = index % 41 === 0
  const isBounded = index % 23 === 0
  return {
    id: `gen-${index}`,
    ip: `10.0.0.${index % 7}`,
    context: index % 3 === 0 ? 'lab' : undefined,
    token: index % 4 === 0 ? `tok-${index % 2}` : undefined,
    model: MODELS[index % MODELS.length] ?? '',
    status: STATUSES[index % STATUSES.length] ?? 'finished',
    cost: isUnpriced || isBounded ? undefined : BigInt((index * 7919) % 1_000_003),
    costHigh: isBounded && !isUnpriced ? BigInt(index) : undefined,
    at: SEEDED_FROM + Math.floor((index * (SEEDED_UNTIL - SEEDED_FROM)) / count),
  }
}

export async function bookSeeded(ledger: Ledger, row: SeededRequest): Promise<void> {
  const caller = {
    ip: row.ip,
    context: row.context,
    ...(row.token === undefined ? {} : { token: row.token }),
  }
  const hold = await ledger.hold(
    request(row.id, { caller, requestedModel: row.model, startedAt: row.at * 1000 + 321 }),
  )
  const isAnswered = row.status === 'finished' || row.status === 'broken'
  await ledger.settle(
    hold,
    finished(row.cost === undefined ? undefined : money(row.cost), {
      status: row.status,
      provider: isAnswered ? `provider-${row.at % 3}` : undefined,
      endpoint: isAnswered ? 'p/m' : undefined,
      costLow: row.costHigh === undefined ? undefined : money(0n),
      costHigh: row.costHigh === undefined ? undefined : money(row.costHigh),
      usage: usage({ prompt: row.at % 1000, completion: row.at % 77, cachedPrompt: row.at % 10 }),
      error: isAnswered ? undefined : 'the provider said NO',
      durationMs: 100 + (row.at % 900),
      firstTokenMs: isAnswered ? row.at % 100 : undefined,
    }),
  )
}

/** Books so many requests, a thousand at a time. */
export async function seed(ledger: Ledger, count: number): Promise<SeededRequest[]> {
  const rows = Array.from({ length: count }, (_, index) => seededRequest(index, count))
  for (let from = 0; from < count; from += 1000)
    await Promise.all(rows.slice(from, from + 1000).map((row) => bookSeeded(ledger, row)))
  return rows
}
