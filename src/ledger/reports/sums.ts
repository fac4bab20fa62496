import { money, ZERO } from '../../base/money.ts'
import type { Row, SqlValue } from '../../store/sql.ts'
import { amount, count } from '../entries/row-readers.ts'
import { QUARTER_S, ROW_SUMS, SERIES_COLUMNS, SUM_COLUMNS, type ReportTables } from './report-tables.ts'
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
 * Adds requests up by group for one query. Whole quarters of an hour come from the roll-up; the parts of a quarter at both ends
 * of a period are read from the rows, and rows after `asOf` are taken off again. What the roll-up cannot filter is read from the
 * rows alone.
 */
export class GroupSums {
  readonly #tables: ReportTables
  readonly #by: readonly GroupField[]
  readonly #rows: Where
  readonly #needsRows: boolean
  readonly #asOf: number
  /** The group of each chosen series, by the number that the table `chosen` has for it. */
  readonly #keys: GroupKey[] = []
  readonly #numbers = new Map<GroupKey, number>()

  constructor(tables: ReportTables, { filter, scope, asOf }: ReportQuery, by: readonly GroupField[]) {
    this.#tables = tables
    this.#by = by
    this.#rows = rowWhere(filter, scope)
    this.#needsRows = needsRows(filter)
    this.#asOf = asOf ?? tables.upTo()
    if (!this.#needsRows) this.#choose(seriesWhere(filter, scope))
  }

  /** Whether the rows after `asOf` are few enough. */
  static isRecent(tables: ReportTables, asOf: number): boolean {
    return tables.upTo() - asOf <= MAX_NEWER_ROWS
  }

  /** The totals of each group of the requests that started from `since`, before `until` (Unix seconds). */
  between(since: number, until: number): Map<GroupKey, ReportTotals> {
    const sums = new Map<GroupKey, ReportTotals>()
    const add = (key: GroupKey, row: Row, sign: 1 | -1 = 1): void => {
      sums.set(key, addTotals(sums.get(key) ?? NO_TOTALS, totalsOf(row), sign))
    }
    if (this.#needsRows) this.#addRows(since, until, this.#asOf, add)
    else this.#addQuarters(since, until, add)
    return sums
  }

  /** Groups with these keys stay; all others are added up under the key of no values. For buckets of few groups. */
  keepOnly(keys: ReadonlySet<GroupKey>): void {
    if (this.#needsRows) return
    const other = this.#numberOf(groupKey([]))
    const update = this.#tables.sql('UPDATE temp.chosen SET grp = ? WHERE grp = ?')
    for (const [number, key] of this.#keys.entries())
      if (number !== other && !keys.has(key)) update.run(other, number)
  }

  #choose({ sql, values }: Where): void {
    const { store } = this.#tables
    store.exec(
      'CREATE TEMP TABLE IF NOT EXISTS chosen (series INTEGER PRIMARY KEY, grp INTEGER); DELETE FROM temp.chosen',
    )
    const columns = ['id', ...this.#by.map((name) => `${COLUMN_OF[name]} AS by_${name}`)].join(', ')
    const insert = this.#tables.sql('INSERT INTO temp.chosen VALUES (?, ?)')
    const rows = this.#tables.sql(`SELECT ${columns} FROM series WHERE ${sql}`).all(...values)
    store.transaction(() => {
      for (const row of rows) insert.run(row['id'] ?? null, this.#numberOf(this.#keyOf(row)))
    })
  }

  #addQuarters(since: number, until: number, add: AddRow): void {
    const first = Math.ceil(since / QUARTER_S)
    const end = Math.floor(until / QUARTER_S)
    if (first >= end) return this.#addRows(since, until, this.#asOf, add)
    const rows = this.#tables.sql(QUARTERS).all(first, end)
    for (const row of rows) add(this.#keys[count(row, 'grp')] ?? '', row)
    this.#takeOffNewer(first * QUARTER_S, end * QUARTER_S, add)
    this.#addRows(since, first * QUARTER_S, this.#asOf, add)
    this.#addRows(end * QUARTER_S, until, this.#asOf, add)
  }

  #addRows(since: number, until: number, upTo: number, add: AddRow): void {
    if (since >= until) return
    const where = `started_at >= ? AND started_at < ? AND seq <= ?`
    this.#eachGroup(where, [since, until, upTo], (row) => add(this.#keyOf(row), row))
  }

  #takeOffNewer(since: number, until: number, add: AddRow): void {
    const last = this.#tables.upTo()
    if (this.#asOf >= last) return
    const where = `+started_at >= ? AND +started_at < ? AND seq > ? AND seq <= ?`
    this.#eachGroup(where, [since, until, this.#asOf, last], (row) => add(this.#keyOf(row), row, -1))
  }

  #eachGroup(where: string, values: readonly SqlValue[], use: (row: Row) => void): void {
    const names = this.#by.map((name) => `${SERIES_COLUMNS[COLUMN_OF[name]]} AS by_${name}`)
    const grouping =
      this.#by.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${this.#by.map((_, at) => at + 1).join(', ')}`
    const statement = this.#tables.sql(`
      SELECT ${[...names, ROW_SUMS].join(', ')} FROM source.request_logs
      WHERE ${where} AND ${this.#rows.sql} ${grouping}`)
    for (const row of statement.all(...values, ...this.#rows.values)) use(row)
  }

  #keyOf(row: Row): GroupKey {
    return groupKey(this.#by.map((name) => String(row[`by_${name}`])))
  }

  #numberOf(key: GroupKey): number {
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.#keys.push(key) - 1
      this.#numbers.set(key, number)
    }
    return number
  }
}

type AddRow = (key: GroupKey, row: Row, sign?: 1 | -1) => void

const QUARTERS = `
  SELECT c.grp, ${SUM_COLUMNS.map((name) => `sum(q.${name}) AS ${name}`).join(', ')}
  FROM quarters q CROSS JOIN temp.chosen c ON c.series = q.series
  WHERE q.quarter >= ? AND q.quarter < ? GROUP BY c.grp`

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
