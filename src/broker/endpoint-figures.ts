import type { Clock } from '../base/clock.ts'
import type { Settlement } from '../ledger/ledger-types.ts'
import type { EndpointFigures, Percentile } from '../routing/offer.ts'

/** How endpoints have been doing, from the requests of this process. */
export interface EndpointFiguresBook {
  /** Takes note of a request that ended. */
  note(settlement: Settlement): void
  /** Of the last 30 minutes; `undefined` when it wasn't asked in that time. */
  readonly of: (endpointId: string) => EndpointFigures | undefined
  /** Percent of its attempts within the last `ms` that it answered; `undefined` without any. */
  uptime(endpointId: string, ms: number): number | undefined
}

interface Sample {
  readonly at: number
  readonly answered: boolean
  readonly latencyMs: number | undefined
  readonly tokensPerSecond: number | undefined
}

const WINDOW_MS = 30 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** The latest of each endpoint; a busy one's day is then told by its last hours. */
const MOST_SAMPLES = 512
/** Callers can name any model of some providers. */
const MOST_ENDPOINTS = 4096

/** In memory: figures older than a restart would say little of now. */
export function createEndpointFigures(clock: Clock): EndpointFiguresBook {
  const book = new Map<string, Sample[]>()

  function add(endpointId: string, sample: Sample): void {
    const samples = book.get(endpointId) ?? []
    samples.push(sample)
    if (samples.length > MOST_SAMPLES) samples.shift()
    book.delete(endpointId)
    book.set(endpointId, samples)
    const [oldest] = book.keys()
    if (book.size > MOST_ENDPOINTS && oldest !== undefined) book.delete(oldest)
  }

  const within = (endpointId: string, ms: number): readonly Sample[] => {
    const since = clock.now() - Math.min(ms, DAY_MS)
    return (book.get(endpointId) ?? []).filter(({ at }) => at >= since)
  }

  return {
    note(settlement) {
      const at = clock.now()
      for (const { endpoint } of settlement.attempts)
        add(endpoint, { at, answered: false, latencyMs: undefined, tokensPerSecond: undefined })
      if (settlement.endpoint === undefined || settlement.status === 'cancelled') return
      add(settlement.endpoint, { at, ...sampleOf(settlement) })
    },
    of(endpointId) {
      const samples = within(endpointId, WINDOW_MS)
      if (samples.length === 0) return undefined
      const latencies = samples.flatMap(({ latencyMs }) => latencyMs ?? [])
      const speeds = samples.flatMap(({ tokensPerSecond }) => tokensPerSecond ?? [])
      return {
        latency: percentiles(latencies.sort((a, b) => a - b)),
        throughput: percentiles(speeds.sort((a, b) => b - a)),
      }
    },
    uptime(endpointId, ms) {
      const samples = within(endpointId, ms)
      if (samples.length === 0) return undefined
      return (100 * samples.filter(({ answered }) => answered).length) / samples.length
    },
  }
}

function sampleOf({ status, firstTokenMs, durationMs, usage }: Settlement): Omit<Sample, 'at'> {
  const seconds = (durationMs - (firstTokenMs ?? durationMs)) / 1000
  // A plain answer comes all at once: its tokens took the whole time.
  const tookSeconds = seconds > 0.001 ? seconds : durationMs / 1000
  return {
    answered: status === 'finished',
    latencyMs: firstTokenMs,
    tokensPerSecond: usage === undefined || tookSeconds <= 0 ? undefined : usage.completion / tookSeconds,
  }
}

/** Nearest rank, of figures that go from good to bad. */
function percentiles(sorted: readonly number[]): Percentile | undefined {
  if (sorted.length === 0) return undefined
  const at = (share: number): number =>
    Math.round((sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0) * 10) / 10
  return { p50: at(0.5), p75: at(0.75), p90: at(0.9), p99: at(0.99) }
}
