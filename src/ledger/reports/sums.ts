import { money, ZERO } from '../../base/money.ts'
import type { Row, SqlValue } from '../../store/sql.ts'
import { amount, count } from '../entries/row-readers.ts'
import {
  DAY_S,
  EIGHTH_S,
  QUARTER_S,
  ROW_SUMS,
  SERIES_COLUMNS,
  SUM_COLUMNS,
  type ReportTables,
  type RollUp,
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
 * Adds requests up by group for one query. Days of UTC come from the roll-up; eighths of them and quarters of an hour bring their edges to those of the
 * period; the parts of a quarter at both ends are read from the rows, and rows after `asOf` are taken off again. What the roll-up cannot
 * filter is read from the rows alone.
 */
export class GroupSums {
  readonly #tables: ReportTables
  readonly #by: readonly GroupField[]
  readonly #rows: Where
  readonly #series: Where
  readonly #needsRows: boolean
  readonly #asOf: number
  /** Days of a zone share the hours between their edge and the midnight of UTC. */
  readonly #parts = new Map<number, readonly SignedRow[]>()

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
    return new Map([...sums].filter(([, totals]) => hasAny(totals)))
  }

  #addPeriods(since: number, until: number, add: AddRow): void {
    const [first, end] = [upTo(since, QUARTER_S), downTo(until, QUARTER_S)]
    if (first >= end) return this.#addRows(since, until, add)
    const [firstDay, endDay] = [nearest(first, DAY_S), nearest(end, DAY_S)]
    const parts =
      firstDay >= endDay
        ? this.#rollUp('quarters', first, end)
        : [
            ...this.#rollUp('days', firstDay, endDay),
            ...this.#toMidnight(first),
            ...this.#toMidnight(end).map(opposite),
          ]
    for (const [row, sign] of parts) add(row, sign)
    this.#takeOffNewer(first, end, add)
    this.#addRows(since, first, add)
    this.#addRows(end, until, add)
  }

  /** What is from an edge to the nearest midnight: of a later edge it is negative. */
  #toMidnight(edge: number): readonly SignedRow[] {
    const known = this.#parts.get(edge)
    if (known !== undefined) return known
    const eighth = nearest(edge, EIGHTH_S)
    const rows = [
      ...this.#rollUp('quarters', edge, eighth),
      ...this.#rollUp('eighths', eighth, nearest(edge, DAY_S)),
    ]
    this.#parts.set(edge, rows)
    return rows
  }

  /** The totals of each group from one time to another; when that is earlier, they are negative. */
  #rollUp(table: RollUp, from: number, to: number): SignedRow[] {
    if (from === to) return []
    if (from > to) return this.#rollUp(table, to, from).map(opposite)
    const [column, seconds] = PERIODS[table]
    const names = this.#by.map((name) => `${COLUMN_OF[name]} AS by_${name}`)
    const isWhole = this.#series.values.length === 0 && this.#by.length === 0
    const statement = this.#tables.sql(`
      SELECT ${[...names, ROLLED_UP_SUMS].join(', ')} FROM ${table} q
      ${isWhole ? '' : 'CROSS JOIN series ON series.id = q.series'}
      WHERE q.${column} >= ? AND q.${column} < ? AND ${this.#series.sql} ${this.#grouping()}`)
    return statement.all(from / seconds, to / seconds, ...this.#series.values).map((row) => [row, 1])
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
type SignedRow = readonly [Row, 1 | -1]

function opposite([row, sign]: SignedRow): SignedRow {
  return [row, sign === 1 ? -1 : 1]
}

const PERIODS = {
  quarters: ['quarter', QUARTER_S],
  eighths: ['eighth', EIGHTH_S],
  days: ['day', DAY_S],
} as const

const ROLLED_UP_SUMS = SUM_COLUMNS.map((name) => `sum(q.${name}) AS ${name}`).join(', ')

function upTo(seconds: number, step: number): number {
  return Math.ceil(seconds / step) * step
}

function downTo(seconds: number, step: number): number {
  return Math.floor(seconds / step) * step
}

function nearest(seconds: number, step: number): number {
  return Math.round(seconds / step) * step
}

/** False for a group that was added and taken off again. */
function hasAny(totals: ReportTotals): boolean {
  return Object.values(totals).some((value: number | bigint) => value !== 0 && value !== 0n)
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
