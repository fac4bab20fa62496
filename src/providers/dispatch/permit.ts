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

/**
 * Permission for one request to a provider: a key and a place at the circuit of the endpoint. Its outcome is recorded once,
 * as `OUTCOMES` says; the key stays in use until the permit is released, which may be later than the outcome is known.
 */
export class Permit {
  readonly lease: Lease
  readonly #parts: PermitParts
  readonly #endpoint: EndpointHealth
  readonly #circuitPermit: CircuitPermit
  #state: 'open' | 'recorded' | 'released' = 'open'

  constructor(parts: PermitParts, endpoint: EndpointHealth, lease: Lease, circuitPermit: CircuitPermit) {
    this.#parts = parts
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
    this.#record('succeeded', undefined, malformedEvents)
  }

  recordFailure(error: BrokerError): void {
    this.#record(this.#parts.ignoresFailures ? 'ignored' : outcomeOf(error), error.details.retryAfter, 0)
  }

  /** The connection is closed, or free for the next request. Without a recorded outcome the request is ignored. */
  release(): void {
    if (this.#state === 'released') return
    this.#record('ignored', undefined, 0)
    this.#state = 'released'
    this.#parts.keys.release(this.lease)
  }

  #record(outcome: Outcome, retryAfter: number | undefined, malformedEvents: number): void {
    if (this.#state !== 'open') return
    this.#state = 'recorded'
    const { keys, clock } = this.#parts
    const { circuit, key, cooldown } = OUTCOMES[outcome]
    this.#endpoint.malformedEvents += malformedEvents
    this.#endpoint.circuit.release(this.#circuitPermit, circuit, clock.monotonic())
    if (key === 'succeeded') keys.succeeded(this.lease)
    else if (key === 'failed') keys.failed(this.lease, cooldown, retryAfter)
  }
}
