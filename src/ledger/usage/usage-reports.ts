import type { Row, SqlValue, Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import { count, text } from '../entries/row-readers.ts'
import type {
  AddressUsage,
  ModelUsage,
  UsageFilter,
  UsageGroup,
  UsageSplit,
  UsageSummary,
  UsageTotals,
} from '../types.ts'
import type { RollUp } from './roll-up.ts'
import { addUsageTotals } from './add-usage.ts'
import { DAY_SUMS, ZERO_TOTALS, ROW_SUMS, totalsFrom } from './usage-sums.ts'

/** Number of entries that are added up before other events get their turn: about 5 ms. */
const SLICE = 5000
const DAY_S = 86_400

/** The SQL for each split in a row of `request_logs`; `usage_days` has a column of that name. */
const IN_ROWS: Readonly<Record<UsageSplit, string>> = {
  ip: 'ip',
  context: "ifnull(context, '')",
  token: "ifnull(token, '')",
  model: 'ifnull(answered_model, model)',
  day: `started_at / ${DAY_S}`,
}

/** A position in the rows by their start: Unix seconds of the start, and the number of the row. */
type Point = readonly [startedAt: number, seq: number]

/**
 * Adds entries up. Whole days come from the roll-up and the rows after it; the parts of a day at both ends are read in
 * slices. Entries are only ever added, so the rows up to the last number at the start are a snapshot, however long reading
 * takes. Of days whose rows were deleted only the total is known: it counts when the day begins within the period.
 */
export class UsageReports {
  readonly #store: Store
  readonly #rollUp: RollUp
  readonly #statements = new Map<string, Statement>()

  constructor(store: Store, rollUp: RollUp) {
    this.#store = store
    this.#rollUp = rollUp
  }

  /** The usage of every address, most expensive first. */
  async byAddress(filter: UsageFilter): Promise<AddressUsage[]> {
    const groups = await this.groups(filter, ['ip', 'model'])
    const byIp = Map.groupBy(groups, ({ ip = '' }) => ip)
    return [...byIp].map(([ip, own]) => ({ ip, ...sumOf(own), models: byModel(own) })).sort(byCostDescending)
  }

  async summary(filter: UsageFilter): Promise<UsageSummary> {
    const groups = await this.groups(filter, ['model'])
    return { ...sumOf(groups), models: byModel(groups) }
  }

  /** The totals, split: by day if days are among the split, otherwise most expensive first. */
  async groups(filter: UsageFilter, split: readonly UsageSplit[]): Promise<UsageGroup[]> {
    const groups = new Map<string, UsageGroup>()
    for await (const row of this.#rows(filter, split)) {
      const key = split.map((name) => String(row[name])).join('\n')
      const before = groups.get(key)
      const totals = totalsFrom(row)
      groups.set(key, {
        ...namesOf(row, split),
        ...(before === undefined ? totals : addUsageTotals(before, totals)),
      })
    }
    return [...groups.values()].sort(split.includes('day') ? byDay : byCostDescending)
  }

  async *#rows(filter: UsageFilter, split: readonly UsageSplit[]): AsyncGenerator<Row> {
    const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter
    const lastSeq = this.#rollUp.lastSeq()
    const cleared = this.#rollUp.firstWholeDay()
    const firstDay = Math.ceil(since / DAY_S)
    const endDay = Math.floor(until / DAY_S) < cleared ? Math.ceil(until / DAY_S) : Math.floor(until / DAY_S)
    yield* this.#wholeDays(filter, split, firstDay, endDay, lastSeq)
    const edges: [number, number][] =
      firstDay > endDay
        ? [[since, until]]
        : [
            [since, firstDay * DAY_S],
            [endDay * DAY_S, until],
          ]
    for (const [from, to] of edges)
      if (from < to && Math.floor(from / DAY_S) >= cleared)
        yield* this.#readSlices(filter, split, from, to, lastSeq)
  }

  /** Reads in one turn of the event loop, so that no row is on both sides of the mark. */
  #wholeDays(
    filter: UsageFilter,
    split: readonly UsageSplit[],
    from: number,
    to: number,
    lastSeq: number,
  ): Row[] {
    if (from >= to) return []
    const days = this.#statement('days', split).all(...filterValues(filter), from, to)
    const rest = [from * DAY_S, Math.min(to * DAY_S, Number.MAX_SAFE_INTEGER), this.#rollUp.upTo(), lastSeq]
    return [...days, ...this.#statement('rest', split).all(...filterValues(filter), ...rest)]
  }

  async *#readSlices(
    filter: UsageFilter,
    split: readonly UsageSplit[],
    since: number,
    until: number,
    lastSeq: number,
  ): AsyncGenerator<Row> {
    const sliceEnd = this.#statement('slice-end', split)
    const slice = this.#statement('slice', split)
    let from: Point = [since, -1]
    while (from[0] < until) {
      const end = sliceEnd.get(...from)
      const to: Point = end === undefined ? [until, 0] : [count(end, 'started_at'), count(end, 'seq')]
      yield* slice.all(...filterValues(filter), ...from, ...to, lastSeq, until)
      from = to
      await new Promise(setImmediate)
    }
  }

  #statement(kind: keyof typeof QUERIES, split: readonly UsageSplit[]): Statement {
    const sql = QUERIES[kind](split)
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#store.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

function filterOf(name: (split: 'ip' | 'context' | 'token') => string): string {
  return `(?1 IS NULL OR ${name('ip')} = ?1) AND (?2 IS NULL OR ${name('context')} = ?2) AND (?3 IS NULL OR ${name('token')} = ?3)`
}

function filterValues({ ip, context, token }: UsageFilter): SqlValue[] {
  return [ip ?? null, context ?? null, token ?? null]
}

const DAY_FILTER = filterOf((name) => name)
const ROW_FILTER = filterOf((name) => IN_ROWS[name])

const QUERIES = {
  days: (split: readonly UsageSplit[]) => `
    SELECT ${[...split, DAY_SUMS].join(', ')} FROM usage_days
    WHERE ${DAY_FILTER} AND day >= ?4 AND day < ?5 ${grouped(split)}`,
  rest: (split: readonly UsageSplit[]) => `
    SELECT ${[...inRows(split), ROW_SUMS].join(', ')} FROM request_logs
    WHERE ${ROW_FILTER} AND +started_at >= ?4 AND +started_at < ?5 AND seq > ?6 AND seq <= ?7 ${grouped(split)}`,
  'slice-end': () => `
    SELECT started_at, seq FROM request_logs WHERE (started_at, seq) > (?, ?)
    ORDER BY started_at, seq LIMIT 1 OFFSET ${SLICE - 1}`,
  slice: (split: readonly UsageSplit[]) => `
    SELECT ${[...inRows(split), ROW_SUMS].join(', ')} FROM request_logs
    WHERE ${ROW_FILTER} AND (started_at, seq) > (?4, ?5) AND (started_at, seq) <= (?6, ?7) AND seq <= ?8
      AND started_at < ?9 ${grouped(split)}`,
} as const

function inRows(split: readonly UsageSplit[]): string[] {
  return split.map((name) => `${IN_ROWS[name]} AS ${name}`)
}

/** Without any split there must be no row, either, when there are no entries. */
function grouped(split: readonly UsageSplit[]): string {
  return split.length === 0
    ? 'HAVING count(*) > 0'
    : `GROUP BY ${split.map((_, index) => index + 1).join(', ')}`
}

function namesOf(row: Row, split: readonly UsageSplit[]): Partial<Record<UsageSplit, string>> {
  return Object.fromEntries(
    split.map((name) => [name, name === 'day' ? dayText(count(row, 'day')) : text(row, name)]),
  )
}

/** YYYY-MM-DD */
function dayText(day: number): string {
  return new Date(day * DAY_S * 1000).toISOString().slice(0, 10)
}

function byModel(groups: readonly UsageGroup[]): ModelUsage[] {
  const models = Map.groupBy(groups, ({ model = '' }) => model)
  return [...models].map(([model, own]) => ({ model, ...sumOf(own) })).sort(byCostDescending)
}

/** The sum of groups, without their names. */
function sumOf(groups: readonly UsageTotals[]): UsageTotals {
  return groups.reduce(addUsageTotals, ZERO_TOTALS)
}

/** By known cost, then by number of requests. */
function byCostDescending(a: UsageTotals, b: UsageTotals): number {
  if (a.cost === b.cost) return b.requests - a.requests
  return a.cost < b.cost ? 1 : -1
}

function byDay(a: UsageGroup, b: UsageGroup): number {
  const [one = '', other = ''] = [a.day, b.day]
  if (one === other) return byCostDescending(a, b)
  return one < other ? -1 : 1
}
