import type { Clock } from '../../base/clock.ts'
import type { BrokerError } from '../../base/errors.ts'
import type { CircuitPermit } from '../health/circuit-breaker.ts'
import type { EndpointHealth } from '../health/endpoint-health.ts'
import type { KeyPool, Lease } from '../keys/key-pool.ts'
import type { SlowestSeen } from '../health/slowest-seen.ts'
import { outcomeOf, OUTCOMES, type Outcome } from './outcomes.ts'

/** What all permits of one provider share. */
export interface PermitParts {
  readonly keys: KeyPool
  readonly clock: Clock
  /** Failures of a mock provider are configured ones and say nothing about the next request. */
  readonly ignoresFailures: boolean
}

/** What one request was given. */
export interface Acquired {
  readonly lease: Lease
  readonly circuitPermit: CircuitPermit
  readonly modelId: string
}

/**
 * Permission for one request to a provider: a key and a place at the circuit of the endpoint. Its outcome is recorded once,
 * as `OUTCOMES` says; the key stays in use until the permit is released, which may be later than the outcome is known.
 */
export class Permit {
  readonly lease: Lease
  readonly #parts: PermitParts
  readonly #endpoint: EndpointHealth
  readonly #circuitPermit: CircuitPermit
  readonly #modelId: string
  #state: 'open' | 'recorded' | 'released' = 'open'

  constructor(parts: PermitParts, endpoint: EndpointHealth, { lease, circuitPermit, modelId }: Acquired) {
    this.#parts = parts
    this.#modelId = modelId
    this.#endpoint = endpoint
    this.lease = lease
    this.#circuitPermit = circuitPermit
  }

  /** The first token of a stream, the first byte of a plain response; it came after `ms`. */
  onFirstByte(stream: boolean, ms: number): void {
    this.#endpoint.circuit.onFirstByte(this.#circuitPermit)
    this.slowest(stream).add(ms)
  }

  /** How long the endpoint takes to its first byte. */
  slowest(stream: boolean): SlowestSeen {
    return stream ? this.#endpoint.slowest.stream : this.#endpoint.slowest.plain
  }

  /** The response is complete. `malformedEvents` of its stream were not JSON and were skipped. */
  recordSuccess(malformedEvents: number): void {
    this.#record('succeeded', { malformedEvents })
  }

  recordFailure(error: BrokerError): void {
    const { retryAfter, refusal, status } = error.details
    // Words may mislead, so that a refusal known by its words alone is held against the key for this model only.
    const modelId = refusal === undefined || SAID_BY_STATUS.has(status ?? 0) ? undefined : this.#modelId
    this.#record(this.#parts.ignoresFailures ? 'ignored' : outcomeOf(error), { retryAfter, modelId })
  }

  /** The connection is closed, or free for the next request. Without a recorded outcome the request is ignored. */
  release(): void {
    if (this.#state === 'released') return
    this.#record('ignored', {})
    this.#state = 'released'
    this.#parts.keys.release(this.lease)
  }

  #record(outcome: Outcome, { malformedEvents = 0, retryAfter, modelId }: RecordedFacts): void {
    if (this.#state !== 'open') return
    this.#state = 'recorded'
    const { keys, clock } = this.#parts
    const { circuit, key, cooldown } = OUTCOMES[outcome]
    this.#endpoint.malformedEvents += malformedEvents
    this.#endpoint.circuit.release(this.#circuitPermit, circuit, clock.monotonic())
    if (key === 'succeeded') keys.succeeded(this.lease)
    else if (key === 'failed') keys.failed(this.lease, { reason: cooldown, retryAfter, modelId })
  }
}

interface RecordedFacts {
  readonly malformedEvents?: number | undefined
  readonly retryAfter?: number | undefined
  readonly modelId?: string | undefined
}

/** Statuses that say themselves that the key or the account is the cause. */
const SAID_BY_STATUS: ReadonlySet<number> = new Set([401, 402, 403, 429])
