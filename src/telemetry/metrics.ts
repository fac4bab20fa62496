import type { Clock } from '../base/clock.ts'
import type { Money } from '../base/money.ts'
import { addMoney, NOTHING } from '../base/money.ts'
import type { Settlement } from '../ledger/types.ts'
import { createHistogram, type Histogram } from './histogram.ts'

/** What was counted of some requests. */
export interface Figures {
  readonly requests: Readonly<Record<CountedStatus, number>>
  readonly tokens: {
    readonly prompt: number
    readonly completion: number
    readonly cachedPrompt: number
    readonly reasoning: number
  }
  /** Of the costs that are known. */
  readonly cost: Money
  /** Answers without a known cost. */
  readonly unpriced: number
  readonly duration: Histogram
  readonly firstToken: Histogram
}

export const COUNTED_STATUSES = ['finished', 'cancelled', 'broken', 'exhausted', 'failed'] as const

export type CountedStatus = (typeof COUNTED_STATUSES)[number]

export interface EndpointMetrics extends Figures {
  readonly endpoint: string
  readonly provider: string
  /** Attempts after which the next endpoint was asked, by error code. */
  readonly failedAttempts: ReadonlyMap<string, number>
}

/** Counters of this process, from its start. */
export interface Metrics {
  /** Takes note of a request that ended. */
  note(settlement: Settlement): void
  /** Takes note of an HTTP answer. */
  answered(door: string, status: number): void
  /** Unix seconds of the start. */
  readonly since: number
  readonly total: Figures
  endpoints(): readonly EndpointMetrics[]
  answers(): readonly { readonly door: string; readonly status: number; readonly count: number }[]
}

/** Callers can name any model of some providers; what comes after so many is counted as one. */
const MOST_ENDPOINTS = 2048
const OTHERS = 'others'

export function createMetrics(clock: Clock): Metrics {
  const total = new Counters()
  const endpoints = new Map<string, EndpointCounters>()
  const answers = new Map<string, Map<number, number>>()

  function endpointOf(id: string): EndpointCounters {
    const known = endpoints.get(id)
    if (known !== undefined) return known
    const name = endpoints.size < MOST_ENDPOINTS ? id : OTHERS
    const counters = endpoints.get(name) ?? new EndpointCounters(name)
    endpoints.set(name, counters)
    return counters
  }

  return {
    since: Math.floor(clock.now() / 1000),
    total,
    note(settlement) {
      total.note(settlement)
      if (settlement.endpoint !== undefined) endpointOf(settlement.endpoint).note(settlement)
      for (const { endpoint, code } of settlement.attempts)
        increase(endpointOf(endpoint).failedAttempts, code)
    },
    answered(door, status) {
      const counts = answers.get(door) ?? new Map<number, number>()
      answers.set(door, counts)
      increase(counts, status)
    },
    endpoints: () => [...endpoints.values()],
    answers: () =>
      [...answers].flatMap(([door, counts]) =>
        [...counts].map(([status, count]) => ({ door, status, count })),
      ),
  }
}

class Counters implements Figures {
  readonly requests = { finished: 0, cancelled: 0, broken: 0, exhausted: 0, failed: 0 }
  readonly tokens = { prompt: 0, completion: 0, cachedPrompt: 0, reasoning: 0 }
  readonly duration = createHistogram()
  readonly firstToken = createHistogram()
  cost = NOTHING
  unpriced = 0

  note({ status, usage, cost, endpoint, durationMs, firstTokenMs }: Settlement): void {
    // What a crash left open, and what a later price changes, was no request of this process.
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
