import { money, NOTHING } from '../base/money.ts'
import type { Row, Statement } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { amount, count, text } from './columns.ts'
import type { AddressUsage, ModelUsage, UsageFilter, UsageSummary, UsageTotals } from './ledger-types.ts'

/** Entries that are added up at once before the event loop gets its turn: about 5 ms. */
const SLICE = 5000

/** One address, context and model, as both queries give it. */
interface Sum extends UsageTotals {
  readonly ip: string
  readonly context: string
  readonly model: string
}

const NO_USAGE: UsageTotals = {
  requests: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  cost: NOTHING,
  uncertain: NOTHING,
  unpriced: 0,
  firstSeen: undefined,
  lastSeen: undefined,
}

/**
 * Adds entries up. All time comes from the totals that the store keeps; a period is walked in slices. Entries are only
 * ever added, so what has no higher rowid than the last one at the start is a snapshot, however long the walk takes.
 */
export class UsageReports {
  readonly #totals: Statement
  readonly #lastRowid: Statement
  readonly #sliceEnd: Statement
  readonly #slice: Statement

  constructor(store: Store) {
    this.#totals = store.prepare('SELECT * FROM usage_totals')
    this.#lastRowid = store.prepare('SELECT ifnull(max(rowid), 0) AS rowid FROM request_logs')
    this.#sliceEnd = store.prepare(`
      SELECT started_at, rowid FROM request_logs WHERE (started_at, rowid) > (?, ?)
      ORDER BY started_at, rowid LIMIT 1 OFFSET ${SLICE - 1}`)
    this.#slice = store.prepare(`
      SELECT ip, ifnull(context, '') AS context, model, count(*) AS requests,
        ifnull(sum(prompt_tokens), 0) AS prompt_tokens, ifnull(sum(completion_tokens), 0) AS completion_tokens,
        ifnull(sum(cost_nano), 0) AS cost_nano,
        ifnull(sum(cost_high_nano) FILTER (WHERE cost_nano IS NULL), 0) AS uncertain_nano,
        count(*) FILTER (WHERE cost_nano IS NULL) AS unpriced,
        min(started_at) AS first_seen, max(started_at) AS last_seen
      FROM request_logs
      WHERE (started_at, rowid) > (?, ?) AND (started_at, rowid) <= (?, ?) AND rowid <= ? AND started_at < ?
      GROUP BY ip, context, model`)
  }

  /** Every address, the one that spent most first. */
  async byAddress(filter: UsageFilter): Promise<AddressUsage[]> {
    const sums = await this.#sums(filter)
    const byIp = Map.groupBy(sums, (sum) => sum.ip)
    return [...byIp].map(([ip, own]) => ({ ip, ...added(own), models: byModel(own) })).sort(dearestFirst)
  }

  async summary(filter: UsageFilter): Promise<UsageSummary> {
    const sums = await this.#sums(filter)
    return { ...added(sums), models: byModel(sums) }
  }

  async #sums({ since, until, ip, context }: UsageFilter): Promise<Sum[]> {
    const isAllTime = since === undefined && until === undefined
    const sums = isAllTime ? this.#totals.all().map(sumFrom) : await this.#walk(since ?? 0, until)
    return sums.filter(
      (sum) => (ip === undefined || sum.ip === ip) && (context === undefined || sum.context === context),
    )
  }

  async #walk(since: number, until = Number.MAX_SAFE_INTEGER): Promise<Sum[]> {
    const sums: Sum[] = []
    const lastRowid = this.#lastRowid.get()?.['rowid'] ?? 0
    let from: readonly [startedAt: number, rowid: number] = [since, -1]
    while (from[0] < until) {
      const end = this.#sliceEnd.get(...from)
      const to =
        end === undefined ? ([until, 0] as const) : ([count(end, 'started_at'), count(end, 'rowid')] as const)
      for (const row of this.#slice.all(...from, ...to, lastRowid, until)) sums.push(sumFrom(row))
      from = to
      await new Promise(setImmediate)
    }
    return sums
  }
}

function sumFrom(row: Row): Sum {
  const promptTokens = count(row, 'prompt_tokens')
  const completionTokens = count(row, 'completion_tokens')
  return {
    ip: text(row, 'ip'),
    context: text(row, 'context'),
    model: text(row, 'model'),
    requests: count(row, 'requests'),
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cost: amount(row, 'cost_nano'),
    uncertain: amount(row, 'uncertain_nano'),
    unpriced: count(row, 'unpriced'),
    firstSeen: count(row, 'first_seen'),
    lastSeen: count(row, 'last_seen'),
  }
}

function byModel(sums: readonly Sum[]): ModelUsage[] {
  const groups = Map.groupBy(sums, (sum) => sum.model)
  return [...groups].map(([model, own]) => ({ model, ...added(own) })).sort(dearestFirst)
}

function added(sums: readonly UsageTotals[]): UsageTotals {
  return sums.reduce(plus, NO_USAGE)
}

function plus(a: UsageTotals, b: UsageTotals): UsageTotals {
  return {
    requests: a.requests + b.requests,
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    totalTokens: a.totalTokens + b.totalTokens,
    cost: money(a.cost + b.cost),
    uncertain: money(a.uncertain + b.uncertain),
    unpriced: a.unpriced + b.unpriced,
    firstSeen: Math.min(a.firstSeen ?? Infinity, b.firstSeen ?? Infinity),
    lastSeen: Math.max(a.lastSeen ?? 0, b.lastSeen ?? 0),
  }
}

/** By what is known to be spent, then by how often they asked. */
function dearestFirst(a: UsageTotals, b: UsageTotals): number {
  if (a.cost === b.cost) return b.requests - a.requests
  return a.cost < b.cost ? 1 : -1
}
