import { BoundedMap } from '../../base/collections/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { SlowestSeen } from './slowest-seen.ts'
import { CircuitBreaker, type CircuitState } from './circuit-breaker.ts'

/** What is known about one endpoint. */
export interface EndpointHealth {
  readonly circuit: CircuitBreaker
  /** Events of its streams that were not JSON and were skipped. */
  malformedEvents: number
  /** How long it has taken to its first byte: of a stream, and of a plain response, which comes all at once. */
  readonly slowest: { readonly stream: SlowestSeen; readonly plain: SlowestSeen }
}

/** One endpoint's health as plain data, for people and for routing. */
export interface HealthRow {
  /** `provider/model_id`. */
  readonly endpoint: string
  readonly state: CircuitState
  /** Milliseconds until an open circuit lets a request through. */
  readonly availableInMs: number
  readonly malformedEvents: number
}

/** The health of every endpoint that a request was sent to. */
export interface HealthRegistry {
  /** The health of `endpoint`, created when there is none yet. */
  of(endpoint: string): EndpointHealth
  /** Whether the next request that it gets tests an open circuit. */
  isOnTrial(endpoint: string): boolean
  /** Milliseconds until a request may be sent; 0 when it may be sent now. */
  availableInMs(endpoint: string): number
  /** `undefined` when no request was sent to it yet. */
  row(endpoint: string): HealthRow | undefined
  rows(): readonly HealthRow[]
}

/** Callers can name any model of some providers, so the endpoint that was added first is dropped beyond this number. */
const MAX_ENDPOINTS = 4096

export interface HealthParts {
  readonly clock: Clock
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

/** Keeps the health of up to 4096 endpoints in memory. */
export function createHealthRegistry({ clock, random = Math.random }: HealthParts): HealthRegistry {
  const endpoints = new BoundedMap<string, EndpointHealth>(MAX_ENDPOINTS)
  const create = (): EndpointHealth => ({
    circuit: new CircuitBreaker(random),
    malformedEvents: 0,
    slowest: { stream: new SlowestSeen(), plain: new SlowestSeen() },
  })

  function row(endpoint: string): HealthRow | undefined {
    const health = endpoints.get(endpoint)
    if (health === undefined) return undefined
    const { circuit, malformedEvents } = health
    const availableInMs = circuit.availableInMs(clock.monotonic())
    return { endpoint, state: circuit.state, availableInMs, malformedEvents }
  }

  return {
    of: (endpoint) => endpoints.getOrCreate(endpoint, create),
    isOnTrial: (endpoint) => endpoints.get(endpoint)?.circuit.isOnTrial ?? false,
    availableInMs: (endpoint) => endpoints.get(endpoint)?.circuit.availableInMs(clock.monotonic()) ?? 0,
    row,
    rows: () => [...endpoints.keys()].flatMap((endpoint) => row(endpoint) ?? []),
  }
}
