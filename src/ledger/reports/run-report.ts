import { BrokerError } from '../../base/errors.ts'
import { addTotals, GroupSums, NO_TOTALS, type GroupKey } from './sums.ts'
import { percentilesOf } from './percentiles.ts'
import { findRequest, readPage, readSince } from './request-page.ts'
import type { ReportTables } from './report-tables.ts'
import type {
  GroupField,
  GroupsQuery,
  GroupsReport,
  ReportGroup,
  ReportKinds,
  ReportQuery,
  ReportTotals,
  TotalsReport,
} from './report-types.ts'

/** The reports by name. Each first adds the rows that are new. */
const REPORTS: {
  [K in keyof ReportKinds]: (tables: ReportTables, query: ReportKinds[K]['query']) => ReportKinds[K]['report']
} = { totals: totalsReport, groups: groupsReport, page: readPage, since: readSince, find: findRequest }

/** Runs one report. Throws `bad-request` for an `asOf` of long ago. */
export function runReport<K extends keyof ReportKinds>(
  tables: ReportTables,
  kind: K,
  query: ReportKinds[K]['query'],
): ReportKinds[K]['report'] {
  tables.catchUp()
  if (query.asOf !== undefined && !GroupSums.isRecent(tables, query.asOf))
    throw new BrokerError('bad-request', `“as_of” ${query.asOf} is too old: ask again without it`)
  return REPORTS[kind](tables, query)
}

function totalsReport(tables: ReportTables, query: ReportQuery): TotalsReport {
  const sums = new GroupSums(tables, query, ['status']).between(...periodOf(query))
  const totals = sumOf(sums.values())
  const byStatus = [...sums].map(([key, { requests }]) => [namesOf(key, ['status']).status ?? '', requests])
  return {
    totals,
    byStatus: Object.fromEntries(byStatus.filter(([, requests]) => requests !== 0)) as Record<string, number>,
    ...percentilesOf(tables, query, totals.requests),
    asOf: query.asOf ?? tables.upTo(),
    exactFrom: tables.exactFrom(),
  }
}

function groupsReport(tables: ReportTables, query: GroupsQuery): GroupsReport {
  const { by, edges, limit } = query
  const sums = new GroupSums(tables, query, by)
  const all = [...sums.between(...periodOf(query))].sort(([, a], [, b]) => compare(a, b, query.order))
  const shown = all.slice(0, limit)
  const keys = new Set(shown.map(([key]) => key))
  const buckets = pairsOf(edges).map(([from, to]) => sums.between(from, to))
  const group = ([key, totals]: readonly [GroupKey, ReportTotals]): ReportGroup => ({
    names: namesOf(key, by),
    totals,
    series: buckets.map((bucket) => bucket.get(key) ?? NO_TOTALS),
  })
  const otherOf = (bucket: Map<GroupKey, ReportTotals>): ReportTotals =>
    sumOf([...bucket].filter(([key]) => !keys.has(key)).map(([, totals]) => totals))
  return {
    groups: shown.map(group),
    other: {
      names: {},
      totals: sumOf(all.slice(limit).map(([, totals]) => totals)),
      series: buckets.map(otherOf),
    },
    others: Math.max(0, all.length - limit),
    totals: sumOf(all.map(([, totals]) => totals)),
    series: buckets.map((bucket) => sumOf(bucket.values())),
    asOf: query.asOf ?? tables.upTo(),
    exactFrom: tables.exactFrom(),
  }
}

function periodOf({ filter: { since = 0, until = Number.MAX_SAFE_INTEGER } }: ReportQuery): [number, number] {
  return [since, until]
}

function pairsOf(edges: readonly number[]): [number, number][] {
  return edges.slice(1).map((to, at) => [edges[at] ?? to, to])
}

function namesOf(key: GroupKey, by: readonly GroupField[]): ReportGroup['names'] {
  const values = JSON.parse(key) as string[]
  return Object.fromEntries(by.map((name, at) => [name, values[at] ?? '']))
}

function sumOf(all: Iterable<ReportTotals>): ReportTotals {
  let sum = NO_TOTALS
  for (const totals of all) sum = addTotals(sum, totals)
  return sum
}

function compare(a: ReportTotals, b: ReportTotals, order: GroupsQuery['order']): number {
  if (order === 'cost' && a.cost !== b.cost) return a.cost < b.cost ? 1 : -1
  if (order === 'tokens' && a.totalTokens !== b.totalTokens) return b.totalTokens - a.totalTokens
  return b.requests - a.requests
}
