import type { Clock } from '../base/clock.ts'
import { BoundedMap } from '../base/collections/bounded-map.ts'
import { OUTRUN, type Entry, type Settlement } from '../ledger/types.ts'
import type { EndpointPerformance, Percentile } from '../routing/endpoint-candidate.ts'

/** Latency, throughput and uptime of each endpoint, measured from requests that have ended. */
export interface EndpointStats {
  /** Records a request that has ended. */
  record(settlement: Settlement): void
  /** Loads ledger entries of earlier processes, newest first. */
  load(entries: Iterable<Entry>): void
  /** The statistics of the last 30 minutes; `undefined` when the endpoint had no request in that time. */
  readonly of: (endpointId: string) => EndpointPerformance | undefined
  /** Milliseconds until the first token at the 95th percentile; `undefined` when there are too few responses to tell. */
  slowMs(endpointId: string): number | undefined
  /** Percentage of the attempts within the last `ms` that succeeded; `undefined` without any. */
  uptime(endpointId: string, ms: number): number | undefined
}

/** The fields that are read of a request; a ledger entry has them as well as a settlement. */
type EndedRequest = Pick<
  Settlement,
  'attempts' | 'endpoint' | 'status' | 'firstTokenMs' | 'durationMs' | 'usage'
>

interface Sample {
  readonly at: number
  /** `undefined` when the attempt was given up before it could succeed. */
  readonly succeeded: boolean | undefined
  readonly latencyMs: number | undefined
  readonly tokensPerSecond: number | undefined
}

/** Number of the latest samples that are kept per endpoint; those of a busy endpoint do not cover the whole day. */
const MAX_SAMPLES = 512

const WINDOW_MS = 30 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** With fewer samples the 95th percentile says nothing. */
const MIN_SAMPLES = 20
/** A bound, because callers can name any model of some providers. */
const MAX_ENDPOINTS = 4096

/** In memory: after a restart the statistics are loaded from the ledger, so nothing else has to be stored. */
export function createEndpointStats(clock: Clock): EndpointStats {
  const samplesByEndpoint = new BoundedMap<string, Samples>(MAX_ENDPOINTS)
  const newSamples = (): Samples => new Samples(clock)

  function add(endpointId: string, sample: Sample): void {
    samplesByEndpoint.getOrCreate(endpointId, newSamples).add(sample)
  }

  function record(ended: EndedRequest, at: number): void {
    for (const { endpoint, code, ms } of ended.attempts) add(endpoint, sampleOfAttempt(at, code, ms))
    if (ended.endpoint !== undefined && ended.status !== 'cancelled') add(ended.endpoint, sampleOf(at, ended))
  }

  return {
    record: (settlement) => record(settlement, clock.now()),
    load(entries) {
      for (const { durationMs, ...entry } of [...entries].reverse())
        if (durationMs !== undefined) record({ ...entry, durationMs }, entry.startedAt + durationMs)
    },
    of: (endpointId) => samplesByEndpoint.get(endpointId)?.statistics().figures,
    slowMs: (endpointId) => samplesByEndpoint.get(endpointId)?.statistics().slowMs,
    uptime(endpointId, ms) {
      const since = clock.now() - Math.min(ms, DAY_MS)
      const samples = samplesByEndpoint
        .get(endpointId)
        ?.since(since)
        .filter(({ succeeded }) => succeeded !== undefined)
      if (samples === undefined || samples.length === 0) return undefined
      return (100 * samples.filter(({ succeeded }) => succeeded).length) / samples.length
    },
  }
}

/** The latest requests to one endpoint, and the statistics that were last computed from them. */
class Samples {
  readonly #clock: Clock
  readonly #latest: Sample[] = []
  #next = 0
  #cached: Statistics | undefined
  #newSince = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(sample: Sample): void {
    this.#latest[this.#next] = sample
    this.#next = (this.#next + 1) % MAX_SAMPLES
    this.#newSince++
  }

  since(at: number): readonly Sample[] {
    return this.#latest.filter((sample) => sample.at >= at)
  }

  /** Cached, because sorting 512 samples takes 200 µs. */
  statistics(): Statistics {
    const now = this.#clock.now()
    const cached = this.#cached
    if (cached !== undefined && now - cached.at < MAX_AGE_MS && this.#newSince < maxNewSamples(cached))
      return cached
    this.#newSince = 0
    return (this.#cached = computeStatistics(this.since(now - WINDOW_MS), now))
  }
}

/** Statistics of many samples are used for so long, or until a sixteenth of the samples is new. */
const MAX_AGE_MS = 1000
const MANY = 64

function maxNewSamples({ count }: Statistics): number {
  return count < MANY ? 1 : count / 16
}

interface Statistics {
  readonly at: number
  readonly count: number
  readonly figures: EndpointPerformance | undefined
  readonly slowMs: number | undefined
}

function computeStatistics(samples: readonly Sample[], at: number): Statistics {
  const count = samples.length
  if (count === 0) return { at, count, figures: undefined, slowMs: undefined }
  const latencies = samples.flatMap(({ latencyMs }) => latencyMs ?? []).sort((a, b) => a - b)
  const speeds = samples.flatMap(({ tokensPerSecond }) => tokensPerSecond ?? []).sort((a, b) => b - a)
  return {
    at,
    count,
    figures: { latency: percentiles(latencies), throughput: percentiles(speeds) },
    slowMs: latencies.length < MIN_SAMPLES ? undefined : nearestRank(latencies, 0.95),
  }
}

/**
 * An endpoint that lost to a hedged attempt would have taken at least as long: without its sample, slow responses would be
 * missing from the statistics.
 */
function sampleOfAttempt(at: number, code: string, ms: number): Sample {
  const isOutrun = code === OUTRUN
  return {
    at,
    succeeded: isOutrun ? undefined : false,
    latencyMs: isOutrun ? ms : undefined,
    tokensPerSecond: undefined,
  }
}

function sampleOf(at: number, { status, firstTokenMs, durationMs, usage }: EndedRequest): Sample {
  const seconds = (durationMs - (firstTokenMs ?? durationMs)) / 1000
  // An unstreamed response comes all at once: its tokens took the whole duration.
  const tookSeconds = seconds > 0.001 ? seconds : durationMs / 1000
  return {
    at,
    succeeded: status === 'finished',
    latencyMs: firstTokenMs,
    tokensPerSecond: usage === undefined || tookSeconds <= 0 ? undefined : usage.completion / tookSeconds,
  }
}

/** Percentiles by nearest rank, of values that are sorted from good to bad. */
function percentiles(sorted: readonly number[]): Percentile | undefined {
  if (sorted.length === 0) return undefined
  const at = (share: number): number => Math.round(nearestRank(sorted, share) * 10) / 10
  return { p50: at(0.5), p75: at(0.75), p90: at(0.9), p99: at(0.99) }
}

function nearestRank(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
