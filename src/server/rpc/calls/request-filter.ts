import { createHash } from 'node:crypto'
import { BrokerError } from '../../../base/errors.ts'
import { parseUsd, usdText, type Money } from '../../../base/money.ts'
import { payerAddress } from '../../../auth/address.ts'
import type {
  Percentiles,
  ReportedEntry,
  ReportScope,
  ReportTotals,
  RequestFilter,
} from '../../../ledger/reports/report-types.ts'
import type { EntryStatus } from '../../../ledger/types.ts'
import type { Params, Result } from '../../../wire/rpc/methods.ts'
import type { RpcCaller } from './handler-types.ts'

type WireFilter = NonNullable<Params<'requests.list'>['filter']>
type Row = Result<'requests.list'>['rows'][number]

/** A caller sees its own requests, an administrator those of all callers. */
export function scopeOf(caller: RpcCaller): ReportScope {
  return caller.role === 'admin' ? undefined : { ip: caller.ip, context: caller.context, token: caller.token }
}

/** Throws `bad-request` for an amount that is no money. */
export function filterOf(filter: WireFilter = {}): RequestFilter {
  return {
    since: filter.since,
    until: filter.until,
    statuses: filter.status,
    models: filter.model,
    providers: filter.provider,
    addresses: filter.address?.map((address) => payerAddress(address) ?? address),
    contexts: filter.context,
    tokens: filter.token,
    apps: filter.app,
    kinds: filter.kind,
    streamed: filter.streamed,
    costAtLeast: filter.cost_usd_at_least === undefined ? undefined : usdOf(filter.cost_usd_at_least),
    durationMsAtLeast: filter.duration_ms_at_least,
    attemptsAtLeast: filter.attempts_at_least,
    flagged: filter.flagged,
    text: filter.text,
  }
}

function usdOf(text: string): Money {
  try {
    return parseUsd(text)
  } catch (error) {
    throw new BrokerError('bad-request', `“cost_usd_at_least”: ${(error as Error).message}`, { cause: error })
  }
}

interface Cursor {
  readonly before: readonly [number, number]
  readonly asOf: number
}

/** A cursor belongs to its filter: the hash in it says so. */
export function writeCursor({ before, asOf }: Cursor, filter: WireFilter | undefined): string {
  return Buffer.from(JSON.stringify([...before, asOf, hashOf(filter)])).toString('base64url')
}

/** Throws `bad-request` for a cursor of another filter. */
export function readCursor(text: string, filter: WireFilter | undefined): Cursor {
  const [startedAt, seq, asOf, hash] = partsOf(text)
  if (typeof startedAt === 'number' && typeof seq === 'number' && typeof asOf === 'number' && hash === hashOf(filter))
    return { before: [startedAt, seq], asOf }
  throw new BrokerError('bad-request', '“cursor” is not the “next” of a page of this filter; begin without one')
}

function partsOf(text: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(parts) ? parts : []
  } catch {
    return []
  }
}

function hashOf(filter: WireFilter = {}): string {
  const sorted = Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 12)
}

export function wireReportTotals(totals: ReportTotals): Result<'usage.query'>['totals'] {
  return {
    requests: totals.requests,
    failed: totals.failed,
    prompt_tokens: totals.promptTokens,
    completion_tokens: totals.completionTokens,
    total_tokens: totals.totalTokens,
    cached_tokens: totals.cachedTokens,
    reasoning_tokens: totals.reasoningTokens,
    cost_usd: usdText(totals.cost),
    uncertain_usd: usdText(totals.uncertain),
    unpriced: totals.unpriced,
  }
}

export function wirePercentiles({ p50, p95 }: Percentiles): Result<'requests.totals'>['duration_ms'] {
  return present({ p50, p95 })
}

/** A row of the ledger as the contract has it; the cost includes its corrections. */
export function wireRow(entry: ReportedEntry): Row {
  const { usage, caller, cost, correction } = entry
  const corrected = correction === undefined ? cost : (((cost ?? 0n) + correction) as Money)
  return {
    id: entry.id,
    seq: entry.seq,
    started_at_ms: entry.startedAt,
    status: entry.status as Exclude<EntryStatus, 'adjusted'>,
    model: entry.requestedModel,
    address: caller.ip,
    kind: entry.kind,
    streamed: entry.streamed,
    attempts: entry.attemptCount ?? 0,
    cost_source: entry.costSource ?? 'none',
    count_source: entry.countSource,
    ...present({
      answered_model: entry.model,
      provider: entry.provider,
      endpoint: entry.endpoint,
      context: caller.context,
      token: caller.token,
      app: entry.title,
      prompt_tokens: usage?.prompt,
      completion_tokens: usage?.completion,
      cached_tokens: usage?.cachedPrompt,
      reasoning_tokens: usage?.reasoning,
      first_token_ms: entry.firstTokenMs,
      duration_ms: entry.durationMs,
      cost_usd: textOf(corrected),
      cost_low_usd: correction === undefined ? textOf(entry.costLow) : undefined,
      cost_high_usd: correction === undefined ? textOf(entry.costHigh) : undefined,
      correction_usd: textOf(correction),
      error: entry.error,
      flag: entry.flag,
    }),
  }
}

export function textOf(amount: Money | undefined): string | undefined {
  return amount === undefined ? undefined : usdText(amount)
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the fields that are undefined. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}
