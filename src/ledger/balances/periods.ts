/** The periods of budgets, each within the next one. Hours, days and months are those of UTC. */
export const PERIODS = ['hour', 'day', 'month', 'total'] as const

export type Period = (typeof PERIODS)[number]

const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

/** The number of the period that contains `ms` (milliseconds since the epoch); it grows with time. */
export function periodIndex(period: Period, ms: number): number {
  if (period === 'total') return 0
  if (period === 'month') return monthIndex(ms)
  return Math.floor(ms / (period === 'hour' ? HOUR_MS : DAY_MS))
}

/** When the period that contains `ms` began. */
export function periodStart(period: Period, ms: number): number {
  if (period === 'total') return 0
  if (period === 'month') return monthStart(monthIndex(ms))
  const span = period === 'hour' ? HOUR_MS : DAY_MS
  return Math.floor(ms / span) * span
}

/** When the period that contains `ms` ends; `undefined` for the total, which never ends. */
export function periodEnd(period: Period, ms: number): number | undefined {
  if (period === 'total') return undefined
  if (period === 'month') return monthStart(monthIndex(ms) + 1)
  return periodStart(period, ms) + (period === 'hour' ? HOUR_MS : DAY_MS)
}

function monthIndex(ms: number): number {
  const date = new Date(ms)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

function monthStart(index: number): number {
  return Date.UTC(Math.floor(index / 12), index % 12, 1)
}
