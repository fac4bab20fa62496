import type { Clock } from '../base/clock.ts'
import type { Money } from '../base/money.ts'
import { addMoney, ZERO } from '../base/money.ts'
import type { Settlement } from '../ledger/types.ts'
import { createHistogram, type Histogram } from './histogram.ts'

/** Counters of a set of requests. */
export interface RequestMetrics {
  readonly requests: Readonly<Record<CountedStatus, number>>
  readonly tokens: {
    readonly prompt: number
    readonly completion: number
    readonly cachedPrompt: number
    readonly reasoning: number
  }
  /** Sum of the known costs. */
  readonly cost: Money
  /** Number of responses without a known cost. */
  readonly unpriced: number
  readonly duration: Histogram
  readonly firstToken: Histogram
}

export const COUNTED_STATUSES = ['finished', 'cancelled', 'broken', 'exhausted', 'failed'] as const

export type CountedStatus = (typeof COUNTED_STATUSES)[number]

export interface EndpointMetrics extends RequestMetrics {
  readonly endpoint: string
  readonly provider: string
  /** Attempts after which the request went to the next endpoint, by error code. */
  readonly failedAttempts: ReadonlyMap<string, number>
}

/** Counters of this process, from its start. */
export interface Metrics {
  /** Counts a request that has ended. */
  record(settlement: Settlement): void
  /** Counts an HTTP response of a listener. */
  recordResponse(listener: string, status: number): void
  /** Start of the process, in Unix seconds. */
  readonly since: number
  readonly total: RequestMetrics
  endpoints(): readonly EndpointMetrics[]
  httpResponses(): readonly { readonly listener: string; readonly status: number; readonly count: number }[]
}

/**
 * A bound, because callers can name any model of some providers. Further endpoints are counted together, as `others`: no
 * counter is ever dropped, because counters must not go back.
 */
const MAX_ENDPOINTS = 2048
const OTHERS = 'others'

/** Counters that all start at zero. */
export function createMetrics(clock: Clock): Metrics {
  const total = new Counters()
  const endpoints = new Map<string, EndpointCounters>()
  const httpResponses = new Map<string, Map<number, number>>()

  function countersOf(id: string): EndpointCounters {
    const known = endpoints.get(id)
    if (known !== undefined) return known
    const name = endpoints.size < MAX_ENDPOINTS ? id : OTHERS
    const counters = endpoints.get(name) ?? new EndpointCounters(name)
    endpoints.set(name, counters)
    return counters
  }

  return {
    since: Math.floor(clock.now() / 1000),
    total,
    record(settlement) {
      total.record(settlement)
      if (settlement.endpoint !== undefined) countersOf(settlement.endpoint).record(settlement)
      for (const { endpoint, code } of settlement.attempts)
        increase(countersOf(endpoint).failedAttempts, code)
    },
    recordResponse(listener, status) {
      const counts = httpResponses.get(listener) ?? new Map<number, number>()
      httpResponses.set(listener, counts)
      increase(counts, status)
    },
    endpoints: () => [...endpoints.values()],
    httpResponses: () =>
      [...httpResponses].flatMap(([listener, counts]) =>
        [...counts].map(([status, count]) => ({ listener, status, count })),
      ),
  }
}

class Counters implements RequestMetrics {
  readonly requests = { finished: 0, cancelled: 0, broken: 0, exhausted: 0, failed: 0 }
  readonly tokens = { prompt: 0, completion: 0, cachedPrompt: 0, reasoning: 0 }
  readonly duration = createHistogram()
  readonly firstToken = createHistogram()
  cost = ZERO
  unpriced = 0

  record({ status, usage, cost, endpoint, durationMs, firstTokenMs }: Settlement): void {
    // Entries of requests that a crash interrupted, and corrections of earlier costs, are not requests of this process.
    if (status === 'interrupted' || status === 'adjusted') return
    this.requests[status]++
    this.duration.add(durationMs / 1000)
    if (firstTokenMs !== undefined) this.firstToken.add(firstTokenMs / 1000)
    if (usage !== undefined) {
      this.tokens.prompt += usage.prompt
      this.tokens.completion += usage.completion
      this.tokens.cachedPrompt += usage.cachedPrompt
      this.tokens.reasoning += usage.reasoning
    }
    if (cost !== undefined) this.cost = addMoney(this.cost, cost)
    else if (endpoint !== undefined) this.unpriced++
  }
}

class EndpointCounters extends Counters implements EndpointMetrics {
  readonly endpoint: string
  readonly provider: string
  readonly failedAttempts = new Map<string, number>()

  constructor(endpoint: string) {
    super()
    this.endpoint = endpoint
    this.provider = endpoint.split('/')[0] ?? endpoint
  }
}

function increase<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
