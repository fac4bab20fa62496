import type { Caller } from '../../auth/caller.ts'
import type { Money } from '../../base/money.ts'
import type { Entry, UsageTotals } from '../types.ts'

/** Which requests a report is about. Several values of one field are alternatives; fields are combined. */
export interface RequestFilter {
  /** Unix seconds of the start: from `since`, before `until`. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly statuses?: readonly string[] | undefined
  /** The model that responded, or the one that was requested. */
  readonly models?: readonly string[] | undefined
  /** `''` for requests that no provider answered. */
  readonly providers?: readonly string[] | undefined
  readonly addresses?: readonly string[] | undefined
  /** `''` for requests without a context. */
  readonly contexts?: readonly string[] | undefined
  /** Ids of tokens; `''` for requests without one. */
  readonly tokens?: readonly string[] | undefined
  readonly apps?: readonly string[] | undefined
  readonly kinds?: readonly string[] | undefined
  readonly streamed?: boolean | undefined
  /** The following fields are not in the totals per quarter of an hour, so that the rows themselves are read. */
  readonly costAtLeast?: Money | undefined
  readonly durationMsAtLeast?: number | undefined
  readonly attemptsAtLeast?: number | undefined
  readonly flagged?: boolean | undefined
  /** A part of the error text, in any case. */
  readonly text?: string | undefined
}

/** Whose requests a report may show: those of one caller, or all. */
export type ReportScope = Pick<Caller, 'ip' | 'context' | 'token'> | undefined

/** What every report names. */
export interface ReportQuery {
  readonly filter: RequestFilter
  readonly scope: ReportScope
  /** Only rows up to this number; all of them by default. */
  readonly asOf?: number | undefined
}

/** Fields that totals are grouped by. `model` is the one that responded, otherwise the requested one. */
export const GROUP_FIELDS = [
  'model',
  'provider',
  'address',
  'context',
  'token',
  'app',
  'kind',
  'status',
] as const

export type GroupField = (typeof GROUP_FIELDS)[number]

/** Usage totals, with how many requests did not finish well. */
export interface ReportTotals extends Omit<UsageTotals, 'firstSeen' | 'lastSeen'> {
  /** Requests with any other status than `finished`. */
  readonly failed: number
}

export interface ReportGroup {
  readonly names: Readonly<Partial<Record<GroupField, string>>>
  readonly totals: ReportTotals
  /** One for each bucket. */
  readonly series: readonly ReportTotals[]
}

export interface GroupsQuery extends ReportQuery {
  readonly by: readonly GroupField[]
  /** Unix seconds at which buckets begin, ascending, and the end of the last one; empty for no buckets. */
  readonly edges: readonly number[]
  readonly order: 'cost' | 'requests' | 'tokens'
  /** The other groups are added up as `other`. */
  readonly limit: number
}

export interface GroupsReport {
  readonly groups: readonly ReportGroup[]
  readonly other: ReportGroup
  /** How many groups `other` stands for. */
  readonly others: number
  readonly totals: ReportTotals
  /** Totals of each bucket. */
  readonly series: readonly ReportTotals[]
  readonly asOf: number
  /** Unix seconds; of earlier requests only totals per day of UTC are left. 0 when all are there. */
  readonly exactFrom: number
}

/** Milliseconds within which half, and 95 of 100, are; absent when nothing was measured. */
export interface Percentiles {
  readonly p50: number | undefined
  readonly p95: number | undefined
}

export interface TotalsReport {
  readonly totals: ReportTotals
  readonly byStatus: Readonly<Record<string, number>>
  readonly firstToken: Percentiles
  readonly duration: Percentiles
  readonly asOf: number
  readonly exactFrom: number
}

export interface PageQuery extends ReportQuery {
  readonly limit: number
  /** The row after which the page begins, towards older ones: its start in Unix seconds and its number. */
  readonly before?: readonly [startedAt: number, seq: number] | undefined
}

/** A row of the ledger, with its number and the corrections of its cost added up. */
export interface ReportedEntry extends Entry {
  readonly seq: number
  readonly correction: Money | undefined
  /** The cost with its corrections, and the bounds that it still has. */
  readonly corrected: Pick<Entry, 'cost' | 'costLow' | 'costHigh'>
}

export interface PageReport {
  readonly rows: readonly ReportedEntry[]
  /** How many rows of the page can't be read, because they are damaged. */
  readonly damaged: number
  /** Where the next page begins; absent at the end. A page may be short, even empty, before the end. */
  readonly next: readonly [startedAt: number, seq: number] | undefined
  readonly asOf: number
}

export interface SinceQuery extends ReportQuery {
  /** Rows with a greater number. */
  readonly after: number
  readonly limit: number
}

export interface FindQuery {
  readonly id: string
  readonly scope: ReportScope
  readonly asOf?: undefined
}

export interface FindReport {
  readonly entry: ReportedEntry | undefined
  /** All rows of its group, oldest first; empty without a group. */
  readonly group: readonly ReportedEntry[]
  readonly corrections: readonly Entry[]
}

/** The reports, by name: what is asked and what is returned. */
export interface ReportKinds {
  totals: { query: ReportQuery; report: TotalsReport }
  groups: { query: GroupsQuery; report: GroupsReport }
  page: { query: PageQuery; report: PageReport }
  since: { query: SinceQuery; report: PageReport }
  find: { query: FindQuery; report: FindReport }
}
