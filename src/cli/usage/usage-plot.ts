import { parseUsd } from '../../base/money.ts'
import type { Client, Result } from '../../sdk/index.ts'
import type { Cli } from '../cli.ts'
import { formatUsd, plural } from '../terminal/format.ts'
import { paint, print, widthOf } from '../terminal/terminal.ts'

/** A span of time in unix seconds; a missing end is open. */
export interface Span {
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** One bar of the plot: from `since` to the next one. */
interface Slice {
  readonly label: string
  readonly since: number
  readonly until: number
}

const HOUR = 3600
const DAY = 86_400
const MAX_BAR_WIDTH = 60

/** Draws cost over time, or requests if nothing cost anything. Fetches all slices in one batch. */
export async function printPlot({ terminal, now }: Cli, client: Client, span: Span): Promise<void> {
  const until = span.until ?? Math.floor(now() / 1000)
  const slices = sliceTime(span.since ?? until - 14 * DAY, until)
  const outcomes = await client.batch(
    slices.map(({ since, until }) => ['usage.summary', { since, until }] as const),
  )
  const totals = outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value.totals
  })
  const width = Math.min(MAX_BAR_WIDTH, widthOf(terminal) - 40)
  const lengths = barLengths(totals)
  for (const [at, { label }] of slices.entries()) {
    const line = `${label}  ${bar((lengths[at] ?? 0) * width).padEnd(width)}  ${figures(totals[at])}`
    if (at === 0) print(terminal, '', paint(terminal, 'dim', 'days and hours of UTC'))
    print(terminal, totals[at]?.requests === 0 ? paint(terminal, 'dim', line.trimEnd()) : line)
  }
}

/** Slices a span by the hour up to two days, by the day up to three months, and beyond that by the week, the newest 52 of them. */
export function sliceTime(since: number, until: number): Slice[] {
  const length = until - since
  const step = length <= 2 * DAY ? 'hour' : length <= 92 * DAY ? 'day' : 'week'
  const slices: Slice[] = []
  for (let start = startOf(step, since); start < until && slices.length < 1000;) {
    const next = nextStart(step, start)
    slices.push({ label: labelOf(step, start), since: Math.max(start, since), until: Math.min(next, until) })
    start = next
  }
  return slices.slice(step === 'week' ? -52 : -100)
}

type Step = 'hour' | 'day' | 'week'

/** Days, weeks and hours of UTC, the calendar of the ledger, so that a bar is the day of that name in every report. */
function startOf(step: Step, seconds: number): number {
  const length = step === 'hour' ? HOUR : DAY
  return Math.floor(seconds / length) * length
}

function nextStart(step: Step, seconds: number): number {
  return seconds + (step === 'hour' ? HOUR : step === 'day' ? DAY : 7 * DAY)
}

function labelOf(step: Step, seconds: number): string {
  const [day = '', time = ''] = new Date(seconds * 1000).toISOString().split('T')
  return step === 'hour' ? `${day} ${time.slice(0, 5)}` : day
}

type Totals = Result<'usage.summary'>['totals']

/** Lengths from 0 to 1; the longest bar has 1. */
function barLengths(totals: readonly Totals[]): number[] {
  const costs = totals.map(({ cost_usd }) => Number(parseUsd(cost_usd)))
  const values = costs.some((cost) => cost > 0) ? costs : totals.map(({ requests }) => requests)
  const max = Math.max(...values, 1)
  return values.map((value) => value / max)
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of any length above zero is drawn with at least an eighth of a column. */
function bar(length: number): string {
  const eighths = length > 0 ? Math.max(1, Math.round(length * 8)) : 0
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

function figures(totals: Totals | undefined): string {
  return totals === undefined || totals.requests === 0
    ? ''
    : `${formatUsd(totals.cost_usd)}, ${plural(totals.requests, 'request')}`
}
