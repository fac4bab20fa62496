import { count } from '../entries/row-readers.ts'
import { ALL_SERIES, DAY_S, LATENCY_GROWTH, type ReportTables } from './report-tables.ts'
import type { Percentiles, ReportQuery } from './report-types.ts'
import { needsRows, rowWhere, seriesWhere } from './where.ts'

/** Up to so many requests the rows themselves are sorted. */
const MAX_SORTED = 20_000
/** In a large ledger, only of a period up to this long. */
const MAX_PERIOD_S = 2 * DAY_S

const NOTHING: Percentiles = { p50: undefined, p95: undefined }

/**
 * The percentiles of first tokens and durations. Of few requests they are exact; of more they come from the roll-up: to 5 %, and
 * of the whole days of UTC that the period touches.
 */
export function percentilesOf(
  tables: ReportTables,
  query: ReportQuery,
  requests: number,
): { readonly firstToken: Percentiles; readonly duration: Percentiles } {
  if (needsRows(query.filter) || (requests <= MAX_SORTED && isSmall(tables, query)))
    return {
      firstToken: sorted(tables, query, 'first_token_ms'),
      duration: sorted(tables, query, 'duration_ms'),
    }
  return fromBuckets(tables, query)
}

function sorted(
  tables: ReportTables,
  query: ReportQuery,
  column: 'first_token_ms' | 'duration_ms',
): Percentiles {
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = query.filter
  const where = rowWhere(query.filter, query.scope)
  const statement = tables.sql(`
    SELECT ${column} AS ms FROM source.request_logs
    WHERE started_at >= ? AND started_at < ? AND seq <= ? AND ${where.sql} AND ${column} IS NOT NULL AND adjusts IS NULL
    ORDER BY ${column} LIMIT ${MAX_SORTED}`)
  const rows = statement.all(since, until, query.asOf ?? tables.upTo(), ...where.values)
  const at = (share: number): number | undefined => {
    const row = rows[Math.ceil(rows.length * share) - 1]
    return row === undefined ? undefined : count(row, 'ms')
  }
  return { p50: at(0.5), p95: at(0.95) }
}

function isSmall(tables: ReportTables, { filter: { since = 0, until = Infinity } }: ReportQuery): boolean {
  return tables.upTo() <= MAX_SORTED || until - since <= MAX_PERIOD_S
}

function fromBuckets(tables: ReportTables, { filter, scope }: ReportQuery) {
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter
  const where = seriesWhere(filter, scope)
  const from =
    where.values.length === 0
      ? `latencies l WHERE l.series = ${ALL_SERIES}`
      : `series CROSS JOIN latencies l ON l.series = series.id WHERE ${where.sql}`
  const rows = tables
    .sql(
      `SELECT l.bucket, sum(l.first_tokens) AS first_tokens, sum(l.durations) AS durations
       FROM ${from} AND l.day >= ? AND l.day < ? GROUP BY l.bucket ORDER BY l.bucket`,
    )
    .all(...where.values, Math.floor(since / DAY_S), Math.ceil(until / DAY_S))
  const of = (column: 'first_tokens' | 'durations'): Percentiles => {
    const buckets = rows.map((row) => ({ bucket: count(row, 'bucket'), n: count(row, column) }))
    const total = buckets.reduce((sum, { n }) => sum + n, 0)
    return total === 0 ? NOTHING : { p50: valueAt(buckets, total * 0.5), p95: valueAt(buckets, total * 0.95) }
  }
  return { firstToken: of('first_tokens'), duration: of('durations') }
}

function valueAt(buckets: readonly { bucket: number; n: number }[], rank: number): number | undefined {
  let seen = 0
  const found = buckets.find(({ n }) => (seen += n) >= rank)
  return found === undefined ? undefined : Math.round(LATENCY_GROWTH ** (found.bucket + 0.5))
}
