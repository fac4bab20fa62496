import type { Clock } from '../base/clock.ts'
import { BoundedMap } from '../base/collections/bounded-map.ts'
import { OUTRUN, type Entry, type Settlement } from '../ledger/types.ts'
import type { EndpointFigures, Percentile } from '../routing/endpoint-candidate.ts'

/** Latency, throughput and uptime of each endpoint, measured from requests that have ended. */
export interface EndpointFiguresBook {
  /** Records a request that has ended. */
  note(settlement: Settlement): void
  /** Loads ledger entries of earlier processes, newest first. */
  recall(entries: Iterable<Entry>): void
  /** The statistics of the last 30 minutes; `undefined` when the endpoint had no request in that time. */
  readonly of: (endpointId: string) => EndpointFigures | undefined
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
  readonly answered: boolean | undefined
  readonly latencyMs: number | undefined
  readonly tokensPerSecond: number | undefined
}

/** Number of the latest samples that are kept per endpoint; those of a busy endpoint do not cover the whole day. */
const MOST_SAMPLES = 512

const WINDOW_MS = 30 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** With fewer samples the 95th percentile says nothing. */
const LEAST_KNOWN = 20
/** A bound, because callers can name any model of some providers. */
const MOST_ENDPOINTS = 4096

/** In memory: after a restart the statistics are loaded from the ledger, so nothing else has to be stored. */
export function createEndpointFigures(clock: Clock): EndpointFiguresBook {
  const book = new BoundedMap<string, Samples>(MOST_ENDPOINTS)
  const newSamples = (): Samples => new Samples(clock)

  function add(endpointId: string, sample: Sample): void {
    book.getOrCreate(endpointId, newSamples).add(sample)
  }

  function note(ended: EndedRequest, at: number): void {
    for (const { endpoint, code, ms } of ended.attempts) add(endpoint, sampleOfAttempt(at, code, ms))
    if (ended.endpoint !== undefined && ended.status !== 'cancelled') add(ended.endpoint, sampleOf(at, ended))
  }

  return {
    note: (settlement) => note(settlement, clock.now()),
    recall(entries) {
      for (const { durationMs, ...entry } of [...entries].reverse())
        if (durationMs !== undefined) note({ ...entry, durationMs }, entry.startedAt + durationMs)
    },
    of: (endpointId) => book.get(endpointId)?.workedOut().figures,
    slowMs: (endpointId) => book.get(endpointId)?.workedOut().slowMs,
    uptime(endpointId, ms) {
      const since = clock.now() - Math.min(ms, DAY_MS)
      const samples = book
        .get(endpointId)
        ?.since(since)
        .filter(({ answered }) => answered !== undefined)
      if (samples === undefined || samples.length === 0) return undefined
      return (100 * samples.filter(({ answered }) => answered).length) / samples.length
    },
  }
}

/** The latest requests to one endpoint, and the statistics that were last computed from them. */
class Samples {
  readonly #clock: Clock
  readonly #latest: Sample[] = []
  #next = 0
  #known: WorkedOut | undefined
  #newSince = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(sample: Sample): void {
    this.#latest[this.#next] = sample
    this.#next = (this.#next + 1) % MOST_SAMPLES
    this.#newSince++
  }

  since(at: number): readonly Sample[] {
    return this.#latest.filter((sample) => sample.at >= at)
  }

  /** Cached, because sorting 512 samples takes 200 µs. */
  workedOut(): WorkedOut {
    const now = this.#clock.now()
    const known = this.#known
    if (known !== undefined && now - known.at < GOOD_FOR_MS && this.#newSince < goodForMore(known))
      return known
    this.#newSince = 0
    return (this.#known = workedOutOf(this.since(now - WINDOW_MS), now))
  }
}

/** Statistics of many samples are used for so long, or until a sixteenth of the samples is new. */
const GOOD_FOR_MS = 1000
const MANY = 64

function goodForMore({ count }: WorkedOut): number {
  return count < MANY ? 1 : count / 16
}

interface WorkedOut {
  readonly at: number
  readonly count: number
  readonly figures: EndpointFigures | undefined
  readonly slowMs: number | undefined
}

function workedOutOf(samples: readonly Sample[], at: number): WorkedOut {
  const count = samples.length
  if (count === 0) return { at, count, figures: undefined, slowMs: undefined }
  const latencies = samples.flatMap(({ latencyMs }) => latencyMs ?? []).sort((a, b) => a - b)
  const speeds = samples.flatMap(({ tokensPerSecond }) => tokensPerSecond ?? []).sort((a, b) => b - a)
  return {
    at,
    count,
    figures: { latency: percentiles(latencies), throughput: percentiles(speeds) },
    slowMs: latencies.length < LEAST_KNOWN ? undefined : nearestRank(latencies, 0.95),
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
    answered: isOutrun ? undefined : false,
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
    answered: status === 'finished',
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
