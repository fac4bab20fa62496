// What the address bar holds: the range, the filter, the zone. Unknown keys are dropped, repeated keys are lists.
import type { Params } from '../../src/wire/rpc/methods.ts'

export type Filter = NonNullable<Params<'requests.list'>['filter']>

export const LIST_KEYS = [
  'status',
  'model',
  'provider',
  'context',
  'address',
  'token',
  'app',
  'kind',
] as const
export const RANGES = ['1h', '24h', 'today', '7d', '30d', 'all'] as const
const OTHER_KEYS = [
  'range',
  'since',
  'until',
  'cost',
  'duration',
  'attempts',
  'flagged',
  'text',
  'zone',
  'by',
  'bucket',
  'compare',
  'search',
  'metric',
  'tab',
] as const

export type ListKey = (typeof LIST_KEYS)[number]
export type Search = { [K in ListKey]?: string[] } & { [K in (typeof OTHER_KEYS)[number]]?: string }

export function readSearch(search: Record<string, unknown>): Search {
  const found: Record<string, string | string[]> = {}
  for (const key of LIST_KEYS) {
    const value = search[key]
    if (value !== undefined) found[key] = (Array.isArray(value) ? value : [value]).map(String)
  }
  for (const key of OTHER_KEYS) {
    const value = search[key]
    if (value !== undefined) found[key] = String(Array.isArray(value) ? value[0] : value)
  }
  return found
}

export function parseQuery(text: string): Record<string, unknown> {
  const found: Record<string, string | string[]> = {}
  for (const [key, value] of new URLSearchParams(text)) {
    const before = found[key]
    found[key] = before === undefined ? value : [before, value].flat()
  }
  return found
}

export function writeQuery(search: Record<string, unknown>): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(search))
    for (const item of Array.isArray(value) ? value : [value])
      if (item !== undefined && item !== '') params.append(key, String(item))
      else if (item === '' && LIST_KEYS.includes(key as ListKey)) params.append(key, '')
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

const SPAN_S: Readonly<Record<string, number>> = {
  '1h': 3600,
  '24h': 86_400,
  '7d': 7 * 86_400,
  '30d': 30 * 86_400,
}

/** Midnight of today in the zone, in Unix seconds. */
export function midnight(zone: string, now: number): number {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
  })
  const clock = (seconds: number): number => {
    const parts = new Map(
      format.formatToParts(seconds * 1000).map(({ type, value }) => [type, Number(value)]),
    )
    return (parts.get('hour') ?? 0) * 3600 + (parts.get('minute') ?? 0) * 60 + (parts.get('second') ?? 0)
  }
  const guess = now - clock(now)
  // On a day with a change the guess is off by the change.
  const rest = clock(guess)
  return rest === 0 ? guess : rest < 43_200 ? guess - rest : guess + 86_400 - rest
}

/** The period of a search, half open, in Unix seconds. `now` is when the page was opened or refreshed. */
export function periodOf(search: Search, now: number, zone: string): { since?: number; until?: number } {
  const { since, until, range = '24h' } = search
  const numberOf = (text: string): number | undefined => (/^\d{1,11}$/.test(text) ? Number(text) : undefined)
  if (since !== undefined || until !== undefined)
    return { since: numberOf(since ?? ''), until: numberOf(until ?? '') }
  if (range === 'all') return {}
  if (range === 'today') return { since: midnight(zone, now) }
  return { since: now - (SPAN_S[range] ?? 86_400) }
}

/** The filter as the contract has it. Values that are not valid are left out. */
export function filterOf(search: Search, now: number, zone: string): Filter {
  const filter: Record<string, unknown> = periodOf(search, now, zone)
  for (const key of LIST_KEYS)
    if (search[key] !== undefined && search[key].length > 0) filter[key] = search[key]
  if (search.cost !== undefined && /^\d+(\.\d{1,9})?$/.test(search.cost))
    filter['cost_usd_at_least'] = search.cost
  if (search.duration !== undefined && /^\d+$/.test(search.duration))
    filter['duration_ms_at_least'] = Number(search.duration)
  if (search.attempts !== undefined && /^\d+$/.test(search.attempts))
    filter['attempts_at_least'] = Number(search.attempts)
  if (search.flagged === 'true') filter['flagged'] = true
  if (search.text !== undefined && search.text !== '') filter['text'] = search.text
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Filter
}
