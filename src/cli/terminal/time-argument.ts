import { InvalidArgumentError } from 'commander'

const UNIT_SECONDS = { m: 60, h: 3600, d: 86_400, w: 604_800 } as const

/**
 * Parses a time in the past, in unix seconds: `24h` ago, `today`, a date, or unix seconds. Days are those of UTC, as in the ledger,
 * wherever the command runs. Throws for anything else.
 */
export function parsePastTime(text: string, nowMs: number): number {
  const ago = /^(\d{1,6})([mhdw])$/.exec(text)
  if (ago)
    return Math.max(
      0,
      Math.floor(nowMs / 1000) - Number(ago[1]) * UNIT_SECONDS[ago[2] as keyof typeof UNIT_SECONDS],
    )
  if (/^\d{9,}$/.test(text)) return Number(text)
  const date = text === 'today' ? new Date(nowMs).setUTCHours(0, 0, 0, 0) : parseDate(text)
  if (Number.isNaN(date))
    throw new InvalidArgumentError(
      'Use 30m, 24h, 7d, today, a date like 2026-01-31 (days of UTC), or unix seconds.',
    )
  return Math.floor(date / 1000)
}

/** Parses a time in the future, in unix seconds: `30d` from now, a date, or unix seconds. Throws for anything else. */
export function parseFutureTime(text: string, nowMs: number): number {
  const ahead = /^(\d{1,6})([mhdw])$/.exec(text)
  if (ahead === null) return parsePastTime(text, nowMs)
  return Math.floor(nowMs / 1000) + Number(ahead[1]) * UNIT_SECONDS[ahead[2] as keyof typeof UNIT_SECONDS]
}

/** A date without a time means midnight, and a time without a zone is one of UTC. */
function parseDate(text: string): number {
  const [, day, time = '00:00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text) ?? []
  if (day === undefined || !isDay(day)) return Number.NaN
  return Date.parse(`${day}T${time}${zone}`)
}

/** `Date` takes February 30 for March 2. */
function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)
}
