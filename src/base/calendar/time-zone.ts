/** Units of time by which figures are added up. */
export const BUCKETS = ['15min', 'hour', 'day', 'week', 'month'] as const

export type Bucket = (typeof BUCKETS)[number]

const STEP_S = { '15min': 900, hour: 3600 } as const

/** Whether the name is one of the IANA time zone database, or `UTC`. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/**
 * Where the buckets of a period begin, in Unix seconds: `since`, each midnight (hour, month …) of the zone within it, and `until`.
 * A day on which clocks change has 23 or 25 hours. `undefined` when there are more than `max` buckets. Throws `RangeError` for an
 * unknown zone.
 */
export function bucketEdges(
  { since, until, bucket, timeZone }: { since: number; until: number; bucket: Bucket; timeZone: string },
  max: number,
): number[] | undefined {
  const next = nextEdge(bucket, timeZone)
  const edges = [since]
  for (let edge = next(since); edge < until; edge = next(edge)) {
    edges.push(edge)
    if (edges.length > max) return undefined
  }
  return [...edges, until]
}

/** Returns the function that finds the first edge after a moment. */
function nextEdge(bucket: Bucket, timeZone: string): (seconds: number) => number {
  const localTime = localClock(timeZone)
  if (bucket === '15min' || bucket === 'hour') {
    const step = STEP_S[bucket]
    // Hours of a zone begin at a quarter of an hour of UTC, such as :15 in Kathmandu.
    return (seconds) => {
      const offset = localTime.offset(seconds)
      return (Math.floor((seconds + offset) / step) + 1) * step - offset
    }
  }
  return (seconds) => {
    const local = new Date((seconds + localTime.offset(seconds)) * 1000)
    return localTime.toUnix(startOfNext(bucket, local))
  }
}

/** The start of the next day, week (from Monday) or month, as if the zone were UTC, in seconds. */
function startOfNext(bucket: 'day' | 'week' | 'month', local: Date): number {
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  if (bucket === 'month') return Date.UTC(year, month + 1, 1) / 1000
  const days = bucket === 'day' ? 1 : 7 - ((local.getUTCDay() + 6) % 7)
  return Date.UTC(year, month, day + days) / 1000
}

/** Converts between Unix seconds and the seconds that a clock of the zone would have if it were UTC. */
function localClock(timeZone: string) {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const offset = (seconds: number): number => {
    const parts = new Map(
      format.formatToParts(seconds * 1000).map(({ type, value }) => [type, Number(value)]),
    )
    const of = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
    const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
    return local / 1000 - seconds
  }
  /** Where clocks skip the time, the moment of the change; where they repeat it, the first one. */
  const toUnix = (local: number): number => {
    const before = local - offset(local - HALF_DAY_S)
    const after = local - offset(local + HALF_DAY_S)
    const fits = [Math.min(before, after), Math.max(before, after)].find(
      (seconds) => seconds + offset(seconds) === local,
    )
    return fits ?? Math.max(before, after)
  }
  return { offset, toUnix }
}

/** Far enough from midnight to be on each side of a change, and nearer than the next one. */
const HALF_DAY_S = 43_200
