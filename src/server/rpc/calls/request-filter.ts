import { createHash } from 'node:crypto'
import { BrokerError } from '../../../base/errors.ts'
import { parseUsd, usdText, type Money } from '../../../base/money.ts'
import { payerAddress } from '../../../auth/address.ts'
import { certaintyOf } from '../../../inference/response/cost-json.ts'
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
import { createSealedValues } from './sealed-values.ts'

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

/** A page begins after a row, with the requests of a moment. */
export interface Cursor {
  readonly before: readonly [startedAt: number, seq: number]
  readonly asOf: number
}

/** Cursors and moments as callers get them. */
export interface ReportMarks {
  writeMoment(asOf: number): string
  /** Throws `bad-request` for a text of another process. */
  readMoment(text: string | undefined): number | undefined
  /** A cursor belongs to its filter. */
  writeCursor(cursor: Cursor, filter: WireFilter | undefined): string
  /** Throws `bad-request` for a cursor of another filter or process. */
  readCursor(text: string | undefined, filter: WireFilter | undefined): Cursor | undefined
}

export function createReportMarks(): ReportMarks {
  const sealed = createSealedValues()
  return {
    writeMoment: (asOf) => sealed.seal([asOf]),
    readMoment(text) {
      if (text === undefined) return undefined
      const [asOf] = sealed.open(text) ?? []
      if (typeof asOf === 'number') return asOf
      throw new BrokerError('bad-request', '“as_of” is not of an answer of this process; ask without it')
    },
    writeCursor: ({ before, asOf }, filter) => sealed.seal([...before, asOf, textOfFilter(filter)]),
    readCursor(text, filter) {
      if (text === undefined) return undefined
      const [startedAt, seq, asOf, of] = sealed.open(text) ?? []
      const isOwn = of === textOfFilter(filter)
      if (isOwn && typeof startedAt === 'number' && typeof seq === 'number' && typeof asOf === 'number')
        return { before: [startedAt, seq], asOf }
      throw new BrokerError(
        'bad-request',
        '“cursor” is not the “next” of a page of this filter; begin without one',
      )
    },
  }
}

/** The digest of a filter, whatever the order of its fields. */
function textOfFilter(filter: WireFilter = {}): string {
  const sorted = Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url')
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
export function wireRow(entry: ReportedEntry, { role }: Pick<RpcCaller, 'role'>): Row {
  const { usage, caller, corrected, correction } = entry
  return {
    id: entry.id,
    started_at_ms: entry.startedAt,
    status: entry.status as Exclude<EntryStatus, 'adjusted'>,
    model: entry.requestedModel,
    address: caller.ip,
    kind: entry.kind,
    streamed: entry.streamed,
    attempts: entry.attemptCount ?? 0,
    certainty: certaintyOf(corrected),
    cost_source: entry.costSource ?? 'none',
    count_source: entry.countSource,
    ...present({
      // The numbers of a caller's rows tell how many others there were.
      seq: role === 'admin' ? entry.seq : undefined,
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
      cost_usd: textOf(corrected.cost),
      cost_low_usd: textOf(corrected.costLow),
      cost_high_usd: textOf(corrected.costHigh),
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
