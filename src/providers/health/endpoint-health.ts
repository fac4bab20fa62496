import type { Clock } from '../../base/clock.ts'
import { createBreaker, type Breaker, type BreakerState } from './circuit-breaker.ts'

/** What is known of one endpoint. */
export interface EndpointHealth {
  readonly breaker: Breaker
  /** Events of its streams that were no JSON and were skipped. */
  malformedEvents: number
}

/** One endpoint's health as plain data, for people and for routing. */
export interface HealthRow {
  /** `provider/model_id`. */
  readonly endpoint: string
  readonly state: BreakerState
  /** Milliseconds until an open circuit lets a request through. */
  readonly restMs: number
  readonly malformedEvents: number
}

/** The health of every endpoint that was ever asked. */
export interface HealthBook {
  of(endpoint: string): EndpointHealth
  /** Milliseconds until it may be asked; 0 when it may be now. */
  restMs(endpoint: string): number
  /** `undefined` when it was never asked. */
  row(endpoint: string): HealthRow | undefined
  rows(): readonly HealthRow[]
}

/** Callers can name any model of some providers, so the book forgets the endpoint that was new longest ago. */
const MOST_ENDPOINTS = 4096

export interface HealthParts {
  readonly clock: Clock
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

export function createHealthBook({ clock, random = Math.random }: HealthParts): HealthBook {
  const book = new Map<string, EndpointHealth>()

  function row(endpoint: string): HealthRow | undefined {
    const health = book.get(endpoint)
    if (health === undefined) return undefined
    const { breaker, malformedEvents } = health
    return { endpoint, state: breaker.state, restMs: breaker.restMs(clock.monotonic()), malformedEvents }
  }

  return {
    of(endpoint) {
      const known = book.get(endpoint)
      if (known !== undefined) return known
      const [oldest] = book.keys()
      if (book.size >= MOST_ENDPOINTS && oldest !== undefined) book.delete(oldest)
      const fresh = { breaker: createBreaker(random), malformedEvents: 0 }
      book.set(endpoint, fresh)
      return fresh
    },
    restMs: (endpoint) => book.get(endpoint)?.breaker.restMs(clock.monotonic()) ?? 0,
    row,
    rows: () => [...book.keys()].flatMap((endpoint) => row(endpoint) ?? []),
  }
}
