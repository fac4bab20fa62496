import type { Clock } from '../base/clock.ts'
import { createBreaker, type Breaker, type BreakerState } from './breaker.ts'
import { createMeasures, type Figures, type KeptMeasures, type Measures } from './measures.ts'

/** How one endpoint has been doing. */
export interface EndpointHealth {
  readonly breaker: Breaker
  readonly measures: Measures
}

/** One endpoint's health as plain data, for people and for routing. */
export interface HealthRow extends Figures {
  /** `provider/model_id`. */
  readonly endpoint: string
  readonly state: BreakerState
  /** Milliseconds until an open circuit lets a request through. */
  readonly restMs: number
}

/** What a restart keeps of one endpoint. Circuits start closed: what broke then may work now. */
export type KeptHealth = Readonly<Record<string, KeptMeasures>>

/** The health of every endpoint that was ever asked. */
export interface HealthBook {
  of(endpoint: string): EndpointHealth
  /** Milliseconds until it may be asked; 0 when it may be now. */
  restMs(endpoint: string): number
  /** `undefined` when it was never asked. */
  row(endpoint: string): HealthRow | undefined
  rows(): readonly HealthRow[]
  keep(): KeptHealth
}

/** Callers can name any model of some providers, so the book forgets the endpoint that was new longest ago. */
const MOST_ENDPOINTS = 4096

export interface HealthParts {
  readonly clock: Clock
  readonly kept?: KeptHealth | undefined
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

export function createHealthBook({ clock, kept = {}, random = Math.random }: HealthParts): HealthBook {
  const book = new Map(Object.entries(kept).map(([endpoint, measures]) => [endpoint, page(measures)]))

  function page(measures?: KeptMeasures): EndpointHealth & { measures: ReturnType<typeof createMeasures> } {
    return { breaker: createBreaker(random), measures: createMeasures(measures) }
  }

  function row(endpoint: string): HealthRow | undefined {
    const health = book.get(endpoint)
    if (health === undefined) return undefined
    const { breaker, measures } = health
    return { endpoint, state: breaker.state, restMs: breaker.restMs(clock.monotonic()), ...measures.read() }
  }

  return {
    of(endpoint) {
      const known = book.get(endpoint)
      if (known !== undefined) return known
      const [oldest] = book.keys()
      if (book.size >= MOST_ENDPOINTS && oldest !== undefined) book.delete(oldest)
      const fresh = page()
      book.set(endpoint, fresh)
      return fresh
    },
    restMs: (endpoint) => book.get(endpoint)?.breaker.restMs(clock.monotonic()) ?? 0,
    row,
    rows: () => [...book.keys()].flatMap((endpoint) => row(endpoint) ?? []),
    keep: () => Object.fromEntries([...book].map(([endpoint, { measures }]) => [endpoint, measures.keep()])),
  }
}
