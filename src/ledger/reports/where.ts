import type { SqlValue } from '../../store/sql.ts'
import { SERIES_COLUMNS, type SeriesColumn } from './report-tables.ts'
import type { ReportScope, RequestFilter } from './report-types.ts'

/** A condition in SQL with the values of its parameters. */
export interface Where {
  readonly sql: string
  readonly values: readonly SqlValue[]
}

/** The SQL of a column: in `series`, or in a row of `request_logs`. */
type Columns = (name: SeriesColumn) => string

const inSeries: Columns = (name) => name
const inRows: Columns = (name) => SERIES_COLUMNS[name]

/** The series that a filter selects, of the callers in the scope. */
export function seriesWhere(filter: RequestFilter, scope: ReportScope): Where {
  return allOf(columnTerms(filter, scope, inSeries))
}

/** The rows of `request_logs` that a filter selects, of the callers in the scope; without its times. */
export function rowWhere(filter: RequestFilter, scope: ReportScope): Where {
  return allOf([...columnTerms(filter, scope, inRows), ...rowTerms(filter)])
}

/** Whether a filter can only be answered from the rows themselves. */
export function needsRows(filter: RequestFilter): boolean {
  return rowTerms(filter).length > 0
}

function columnTerms(filter: RequestFilter, scope: ReportScope, column: Columns): Where[] {
  const { models } = filter
  return [
    ...(scope === undefined ? [] : scopeTerms(scope, column)),
    ...anyOf(column('status'), filter.statuses),
    ...anyOf(column('provider'), filter.providers),
    ...anyOf(column('ip'), filter.addresses),
    ...anyOf(column('context'), filter.contexts),
    ...anyOf(column('token'), filter.tokens),
    ...anyOf(column('app'), filter.apps),
    ...anyOf(column('kind'), filter.kinds),
    ...(models === undefined ? [] : [eitherOf(column('model'), column('asked'), models)]),
    ...(filter.streamed === undefined
      ? []
      : [{ sql: `${column('streamed')} = ?`, values: [filter.streamed ? 1 : 0] }]),
  ]
}

function scopeTerms({ ip, context = '', token = '' }: NonNullable<ReportScope>, column: Columns): Where[] {
  return [
    { sql: `${column('ip')} = ?`, values: [ip] },
    { sql: `${column('context')} = ?`, values: [context] },
    { sql: `${column('token')} = ?`, values: [token] },
  ]
}

function rowTerms(filter: RequestFilter): Where[] {
  const { costAtLeast, durationMsAtLeast, attemptsAtLeast, flagged, text } = filter
  return [
    ...(costAtLeast === undefined ? [] : [{ sql: 'cost_nano >= ?', values: [costAtLeast] }]),
    ...(durationMsAtLeast === undefined ? [] : [{ sql: 'duration_ms >= ?', values: [durationMsAtLeast] }]),
    ...(attemptsAtLeast === undefined ? [] : [{ sql: 'attempts >= ?', values: [attemptsAtLeast] }]),
    ...(flagged === undefined ? [] : [{ sql: `flag IS ${flagged ? 'NOT ' : ''}NULL`, values: [] }]),
    ...(text === undefined ? [] : [{ sql: "instr(lower(ifnull(error, '')), lower(?)) > 0", values: [text] }]),
  ]
}

function anyOf(column: string, values: readonly string[] | undefined): Where[] {
  return values === undefined ? [] : [{ sql: `${column} IN (${marks(values)})`, values }]
}

function eitherOf(one: string, other: string, values: readonly string[]): Where {
  const list = marks(values)
  return { sql: `(${one} IN (${list}) OR ${other} IN (${list}))`, values: [...values, ...values] }
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ')
}

function allOf(terms: readonly Where[]): Where {
  return {
    sql: terms.length === 0 ? 'true' : terms.map(({ sql }) => sql).join(' AND '),
    values: terms.flatMap(({ values }) => values),
  }
}
