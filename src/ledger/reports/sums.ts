import { money, ZERO } from '../../base/money.ts'
import type { Row, SqlValue } from '../../store/sql.ts'
import { amount, count } from '../entries/row-readers.ts'
import {
  DAY_S,
  QUARTER_S,
  ROW_SUMS,
  SERIES_COLUMNS,
  SUM_COLUMNS,
  type ReportTables,
} from './report-tables.ts'
import type { GroupField, ReportQuery, ReportTotals } from './report-types.ts'
import { needsRows, rowWhere, seriesWhere, type Where } from './where.ts'

/** The totals of no requests. */
export const NO_TOTALS: ReportTotals = {
  requests: 0,
  failed: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  cost: ZERO,
  uncertain: ZERO,
  unpriced: 0,
}

export function addTotals(a: ReportTotals, b: ReportTotals, sign: 1 | -1 = 1): ReportTotals {
  return {
    requests: a.requests + sign * b.requests,
    failed: a.failed + sign * b.failed,
    promptTokens: a.promptTokens + sign * b.promptTokens,
    completionTokens: a.completionTokens + sign * b.completionTokens,
    totalTokens: a.totalTokens + sign * b.totalTokens,
    cachedTokens: a.cachedTokens + sign * b.cachedTokens,
    reasoningTokens: a.reasoningTokens + sign * b.reasoningTokens,
    cost: money(a.cost + BigInt(sign) * b.cost),
    uncertain: money(a.uncertain + BigInt(sign) * b.uncertain),
    unpriced: a.unpriced + sign * b.unpriced,
  }
}

const COLUMN_OF = {
  model: 'model',
  provider: 'provider',
  address: 'ip',
  context: 'context',
  token: 'token',
  app: 'app',
  kind: 'kind',
  status: 'status',
} as const satisfies Record<GroupField, keyof typeof SERIES_COLUMNS>

/** The key of a group: the values of its fields. */
export type GroupKey = string

export function groupKey(values: readonly string[]): GroupKey {
  return JSON.stringify(values)
}

/** Rows with more than this number than `asOf` are too many to be taken off one by one. */
const MAX_NEWER_ROWS = 100_000

/**
 * Adds requests up by group for one query. Whole days of UTC and whole quarters of an hour come from the roll-up; the parts of a
 * quarter at both ends of a period are read from the rows, and rows after `asOf` are taken off again. What the roll-up cannot
 * filter is read from the rows alone.
 */
export class GroupSums {
  readonly #tables: ReportTables
  readonly #by: readonly GroupField[]
  readonly #rows: Where
  readonly #series: Where
  readonly #needsRows: boolean
  readonly #asOf: number

  constructor(tables: ReportTables, { filter, scope, asOf }: ReportQuery, by: readonly GroupField[]) {
    this.#tables = tables
    this.#by = by
    this.#rows = rowWhere(filter, scope)
    this.#series = seriesWhere(filter, scope)
    this.#needsRows = needsRows(filter)
    this.#asOf = asOf ?? tables.upTo()
  }

  /** Whether the rows after `asOf` are few enough. */
  static isRecent(tables: ReportTables, asOf: number): boolean {
    return tables.upTo() - asOf <= MAX_NEWER_ROWS
  }

  /** The totals of each group of the requests that started from `since`, before `until` (Unix seconds). */
  between(since: number, until: number): Map<GroupKey, ReportTotals> {
    const sums = new Map<GroupKey, ReportTotals>()
    const add: AddRow = (row, sign) => {
      const key = groupKey(this.#by.map((name) => String(row[`by_${name}`])))
      sums.set(key, addTotals(sums.get(key) ?? NO_TOTALS, totalsOf(row), sign))
    }
    if (this.#needsRows) this.#addRows(since, until, add)
    else this.#addPeriods(since, until, add)
    return sums
  }

  #addPeriods(since: number, until: number, add: AddRow): void {
    const [first, end] = [upTo(since, QUARTER_S), downTo(until, QUARTER_S)]
    if (first >= end) return this.#addRows(since, until, add)
    const [firstDay, endDay] = [upTo(first, DAY_S), downTo(end, DAY_S)]
    if (firstDay >= endDay) this.#addRollUp('quarters', first, end, add)
    else {
      this.#addRollUp('quarters', first, firstDay, add)
      this.#addRollUp('days', firstDay, endDay, add)
      this.#addRollUp('quarters', endDay, end, add)
    }
    this.#takeOffNewer(first, end, add)
    this.#addRows(since, first, add)
    this.#addRows(end, until, add)
  }

  #addRollUp(table: 'quarters' | 'days', since: number, until: number, add: AddRow): void {
    if (since >= until) return
    const [column, seconds] = table === 'days' ? ['day', DAY_S] : ['quarter', QUARTER_S]
    const names = this.#by.map((name) => `${COLUMN_OF[name]} AS by_${name}`)
    const isWhole = this.#series.values.length === 0 && this.#by.length === 0
    const statement = this.#tables.sql(`
      SELECT ${[...names, ROLLED_UP_SUMS].join(', ')} FROM ${table} q
      ${isWhole ? '' : 'CROSS JOIN series ON series.id = q.series'}
      WHERE q.${column} >= ? AND q.${column} < ? AND ${this.#series.sql} ${this.#grouping()}`)
    for (const row of statement.all(since / seconds, until / seconds, ...this.#series.values)) add(row, 1)
  }

  #addRows(since: number, until: number, add: AddRow): void {
    if (since >= until) return
    this.#eachGroup('started_at >= ? AND started_at < ? AND seq <= ?', [since, until, this.#asOf], 1, add)
  }

  #takeOffNewer(since: number, until: number, add: AddRow): void {
    const last = this.#tables.upTo()
    if (this.#asOf >= last) return
    const where = '+started_at >= ? AND +started_at < ? AND seq > ? AND seq <= ?'
    this.#eachGroup(where, [since, until, this.#asOf, last], -1, add)
  }

  #eachGroup(where: string, values: readonly SqlValue[], sign: 1 | -1, add: AddRow): void {
    const names = this.#by.map((name) => `${SERIES_COLUMNS[COLUMN_OF[name]]} AS by_${name}`)
    const statement = this.#tables.sql(`
      SELECT ${[...names, ROW_SUMS].join(', ')} FROM source.request_logs
      WHERE ${where} AND ${this.#rows.sql} ${this.#grouping()}`)
    for (const row of statement.all(...values, ...this.#rows.values)) add(row, sign)
  }

  #grouping(): string {
    if (this.#by.length === 0) return 'HAVING count(*) > 0'
    return `GROUP BY ${this.#by.map((_, at) => at + 1).join(', ')}`
  }
}

type AddRow = (row: Row, sign: 1 | -1) => void

const ROLLED_UP_SUMS = SUM_COLUMNS.map((name) => `sum(q.${name}) AS ${name}`).join(', ')

function upTo(seconds: number, step: number): number {
  return Math.ceil(seconds / step) * step
}

function downTo(seconds: number, step: number): number {
  return Math.floor(seconds / step) * step
}

function totalsOf(row: Row): ReportTotals {
  const promptTokens = count(row, 'prompt_tokens')
  const completionTokens = count(row, 'completion_tokens')
  return {
    requests: count(row, 'requests'),
    failed: count(row, 'failed'),
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens: count(row, 'cached_tokens'),
    reasoningTokens: count(row, 'reasoning_tokens'),
    cost: amount(row, 'cost_nano'),
    uncertain: amount(row, 'uncertain_nano'),
    unpriced: count(row, 'unpriced'),
  }
}
