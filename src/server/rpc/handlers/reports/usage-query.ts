import { BrokerError } from '../../../../base/errors.ts'
import { bucketEdges, isTimeZone } from '../../../../base/calendar/time-zone.ts'
import { GROUP_FIELDS, type GroupsReport, type ReportGroup } from '../../../../ledger/reports/report-types.ts'
import type { Params, Result } from '../../../../wire/rpc/methods.ts'
import { csvCell, type Cell } from '../../../http/csv.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'
import { filterOf, scopeOf, wireReportTotals } from '../../calls/request-filter.ts'
import type { ReportFacts } from './requests.ts'

type Query = Params<'usage.query'>
type Group = Result<'usage.query'>['groups'][number]

const DEFAULT_LIMIT = 50
const MAX_BUCKETS = 750
/** Figures of one answer: groups times buckets. */
const MAX_FIGURES = 20_000

export function usageQueryHandlers({ services, reports, marks }: ReportFacts): HandlersOf<'usage.query'> {
  return {
    'usage.query': async (params, caller) => {
      const {
        group_by: by = [],
        order = 'cost',
        limit = DEFAULT_LIMIT,
        time_zone: timeZone = 'UTC',
        compare,
      } = params
      const edges = edgesOf(params, timeZone, Math.floor(services.clock.now() / 1000) + 1)
      if (edges.length * (limit + 2) > MAX_FIGURES)
        throw new BrokerError(
          'bad-request',
          `“limit” ${limit} with ${edges.length - 1} buckets are more than ${MAX_FIGURES} figures; lower one of them`,
        )
      const asOf = marks.readMoment(params.as_of)
      const query = { filter: filterOf(params.filter), scope: scopeOf(caller), by, order } as const
      const report = await reports.run('groups', { ...query, asOf, edges, limit })
      const before =
        compare === undefined
          ? undefined
          : await reports.run('groups', {
              ...query,
              asOf: report.asOf,
              filter: { ...query.filter, ...compare },
              edges: [],
              limit: Infinity,
            })
      const result = {
        ...answerOf(report, before, edges, timeZone),
        as_of: marks.writeMoment(report.asOf),
      }
      return params.csv === true ? { ...result, csv: csvOf(result, params) } : result
    },
  }
}

/** Throws `bad-request` for a zone that does not exist, and for too many buckets. */
function edgesOf({ filter = {}, bucket = 'none' }: Query, timeZone: string, now: number): number[] {
  if (!isTimeZone(timeZone))
    throw new BrokerError('bad-request', `“time_zone” “${timeZone}” is not a zone such as Europe/Brussels`)
  if (bucket === 'none') return []
  const { since, until = now } = filter
  if (since === undefined) throw new BrokerError('bad-request', 'a “bucket” needs “filter.since”')
  if (until <= since) return []
  const edges = bucketEdges({ since, until, bucket, timeZone }, MAX_BUCKETS)
  if (edges !== undefined) return edges
  throw new BrokerError(
    'bad-request',
    `“bucket” “${bucket}” makes more than ${MAX_BUCKETS} buckets; use a longer one`,
  )
}

function answerOf(
  report: GroupsReport,
  before: GroupsReport | undefined,
  edges: readonly number[],
  timeZone: string,
): Omit<Result<'usage.query'>, 'as_of'> {
  const previous = new Map(before?.groups.map((group) => [JSON.stringify(group.names), group]))
  const wire = (group: ReportGroup): Group => {
    const old = previous.get(JSON.stringify(group.names))
    return {
      names: group.names,
      totals: wireReportTotals(group.totals),
      series: group.series.map(wireReportTotals),
      ...(old === undefined ? {} : { previous: wireReportTotals(old.totals) }),
    }
  }
  return {
    groups: report.groups.map(wire),
    other: wire(report.other),
    others: report.others,
    totals: wireReportTotals(report.totals),
    ...(before === undefined ? {} : { previous: wireReportTotals(before.totals) }),
    buckets: report.series.map((totals, at) => ({
      from: edges[at] ?? 0,
      to: edges[at + 1] ?? 0,
      totals: wireReportTotals(totals),
    })),
    time_zone: timeZone,
    ...(report.exactFrom === 0 ? {} : { exact_from: report.exactFrom }),
  }
}

/** The groups, the others, and their total; the first line names the zone and what was asked. */
function csvOf(result: Result<'usage.query'>, { filter = {}, group_by: by = [] }: Query): string {
  const fields = GROUP_FIELDS.filter((field) => by.includes(field))
  const figures = Object.keys(result.totals) as (keyof typeof result.totals)[]
  const line = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\r\n`
  const row = (names: readonly Cell[], totals: typeof result.totals): string =>
    line([...names, ...figures.map((name) => totals[name])])
  const label = (text: string): Cell[] => fields.map((_, at) => (at === 0 ? text : ''))
  return [
    line([`time zone ${result.time_zone}, as of ${result.as_of}, filter ${JSON.stringify(filter)}`]),
    line([...fields, ...figures]),
    ...result.groups.map(({ names, totals }) =>
      row(
        fields.map((field) => names[field]),
        totals,
      ),
    ),
    ...(result.others === 0 ? [] : [row(label(`(${result.others} others)`), result.other.totals)]),
    row(label('(total)'), result.totals),
  ].join('')
}
