import { money } from '../../base/money.ts'
import type { Row, SqlValue } from '../../store/sql.ts'
import { entryFrom } from '../entries/entry-row.ts'
import { count, isDamagedRow, maybeAmount } from '../entries/row-readers.ts'
import { correctedBy } from '../reprice.ts'
import { QUARTER_S, type ReportTables } from './report-tables.ts'
import type {
  FindQuery,
  FindReport,
  PageQuery,
  PageReport,
  ReportedEntry,
  SinceQuery,
} from './report-types.ts'
import { needsRows, rowWhere, seriesWhere } from './where.ts'

/** Looking for rows ends after this long with what was found, so that other reports get their turn. */
const TIME_LIMIT_MS = 250

const sumOfCorrections = (column: string) =>
  `(SELECT sum(a.${column}) FROM source.request_logs a WHERE a.adjusts = r.id) AS correction_${column}`
const COLUMNS = `*, ${sumOfCorrections('cost_nano')}, ${sumOfCorrections('uncertain_nano')}`

/**
 * One page of requests, newest first. The roll-up names the quarters of an hour that hold requests of the filter, so that rare ones
 * are found without reading all rows.
 */
export function readPage(tables: ReportTables, query: PageQuery): PageReport {
  const asOf = query.asOf ?? tables.upTo()
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = query.filter
  const before = query.before ?? [Number.MAX_SAFE_INTEGER, 0]
  const end = Math.min(until, before[0] + 1)
  const { sql, values } = rowWhere(query.filter, query.scope)
  const statement = tables.sql(`
    SELECT ${COLUMNS} FROM source.request_logs r
    WHERE started_at >= ? AND started_at < ? AND (started_at, seq) < (?, ?) AND seq <= ? AND adjusts IS NULL AND ${sql}
    ORDER BY started_at DESC, seq DESC LIMIT ?`)
  const raw: Row[] = []
  const stopAt = performance.now() + TIME_LIMIT_MS
  for (const [from, to] of periodsOf(tables, query, since, end)) {
    const missing = query.limit - raw.length
    const found = statement.all(Math.max(from, since), Math.min(to, end), ...before, asOf, ...values, missing)
    raw.push(...found)
    const last = raw.at(-1)
    if (raw.length >= query.limit && last !== undefined)
      return { ...readable(raw), next: pointOf(last), asOf }
    if (performance.now() > stopAt) return { ...readable(raw), next: [Math.max(from, since), 0], asOf }
  }
  return { ...readable(raw), next: undefined, asOf }
}

/** Rows that were written after a given one, oldest first. */
export function readSince(tables: ReportTables, query: SinceQuery): PageReport {
  const { sql, values } = rowWhere(query.filter, query.scope)
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = query.filter
  const rows = tables
    .sql(
      `SELECT ${COLUMNS} FROM source.request_logs r
       WHERE seq > ? AND +started_at >= ? AND +started_at < ? AND adjusts IS NULL AND ${sql} ORDER BY seq LIMIT ?`,
    )
    .all(query.after, since, until, ...values, query.limit)
  return { ...readable(rows), next: undefined, asOf: tables.upTo() }
}

/** One damaged row does not hide the others of its page. */
function readable(found: readonly Row[]): Pick<PageReport, 'rows' | 'damaged'> {
  const rows = found.flatMap((row) => {
    try {
      return [reportedEntry(row)]
    } catch (error) {
      if (isDamagedRow(error)) return []
      throw error
    }
  })
  return { rows, damaged: found.length - rows.length }
}

/** A group has at most so many rows in a report. */
const MAX_GROUP = 200

/** One request by its id, with the rows of its group and its corrections. */
export function findRequest(tables: ReportTables, { id, scope }: FindQuery): FindReport {
  const { sql, values } = rowWhere({}, scope)
  const rows = (condition: string, value: string): ReportedEntry[] =>
    tables
      .sql(
        `SELECT ${COLUMNS} FROM source.request_logs r WHERE ${condition} AND ${sql} ORDER BY seq LIMIT ${MAX_GROUP}`,
      )
      .all(value, ...values)
      .map(reportedEntry)
  const [entry] = rows('id = ?', id)
  if (entry === undefined) return { entry, group: [], corrections: [] }
  const group =
    entry.group === undefined
      ? []
      : rows('id IN (SELECT g.id FROM source.request_groups g WHERE g.group_id = ?)', entry.group)
  return { entry, group, corrections: rows('adjusts = ?', id) }
}

/** The quarters of an hour to look into, newest first; runs of neighbours are joined. */
function* periodsOf(
  tables: ReportTables,
  { filter, scope, limit }: PageQuery,
  since: number,
  end: number,
): Generator<readonly [number, number]> {
  const { sql, values } = seriesWhere(filter, scope)
  const bounds: SqlValue[] = [Math.floor(since / QUARTER_S), Math.ceil(end / QUARTER_S)]
  const quarters = tables
    .sql(
      `SELECT q.quarter, sum(q.requests) AS requests FROM quarters q CROSS JOIN series ON series.id = q.series
       WHERE q.quarter >= ? AND q.quarter < ? AND ${sql} GROUP BY q.quarter ORDER BY q.quarter DESC`,
    )
    .iterate(...bounds, ...values)
  const most = needsRows(filter) ? MAX_ROWS_OF_A_RUN : limit
  let run: { from: number; to: number; requests: number } | undefined
  for (const row of quarters) {
    const quarter = count(row, 'quarter')
    if (run !== undefined && run.requests >= most) {
      yield [run.from * QUARTER_S, run.to * QUARTER_S]
      run = undefined
    }
    run = {
      from: quarter,
      to: run === undefined ? quarter + 1 : run.to,
      requests: (run?.requests ?? 0) + count(row, 'requests'),
    }
  }
  if (run !== undefined) yield [run.from * QUARTER_S, run.to * QUARTER_S]
}

/** Rows of the filter's series that are read between two looks at the time. */
const MAX_ROWS_OF_A_RUN = 10_000

function pointOf(row: Row): [number, number] {
  return [count(row, 'started_at'), count(row, 'seq')]
}

function reportedEntry(row: Row): ReportedEntry {
  const entry = entryFrom(row)
  const correction = maybeAmount(row, 'correction_cost_nano')
  const { cost, costLow, costHigh } = entry
  if (correction === undefined)
    return { ...entry, seq: count(row, 'seq'), correction, corrected: { cost, costLow, costHigh } }
  const by = {
    cost: money(correction),
    uncertain: money(maybeAmount(row, 'correction_uncertain_nano') ?? 0n),
  }
  return { ...entry, seq: count(row, 'seq'), correction: by.cost, corrected: correctedBy(entry, [by]) }
}
