import type { BrokerError } from '../../base/errors.ts'
import type { CircuitOutcome } from '../health/circuit-breaker.ts'
import type { RefusalReason } from '../errors/refusal-kinds.ts'
import type { CooldownReason } from '../keys/key-health.ts'

/** What one kind of outcome records. */
interface OutcomeRow {
  /** For the endpoint's circuit breaker. */
  readonly circuit: CircuitOutcome
  /** For the counts of the key; `not-counted` leaves the key as it is. */
  readonly key: 'succeeded' | 'failed' | 'not-counted'
  /** Why the key cools down after it, if it does. */
  readonly cooldown: CooldownReason | undefined
}

/**
 * How a request to a provider can end, and what each end means for the circuit of its endpoint and for its key. Only
 * `succeeded` also adds the stream's malformed events to the health of the endpoint.
 */
export const OUTCOMES = {
  succeeded: { circuit: 'worked', key: 'succeeded', cooldown: undefined },
  /** A 5xx, a timeout, a broken connection or stream. */
  failed: { circuit: 'failed', key: 'failed', cooldown: 'failing' },
  /** The endpoint responded, but not usably, and the key is not the cause: a 404, a 408, a 200 that is not JSON. */
  'unusable-response': { circuit: 'failed', key: 'failed', cooldown: undefined },
  /** A 429: the limit belongs to the key, not to the endpoint. */
  'rate-limited': { circuit: 'ignored', key: 'failed', cooldown: 'limited' },
  'key-refused': { circuit: 'ignored', key: 'failed', cooldown: 'key-refused' },
  forbidden: { circuit: 'ignored', key: 'failed', cooldown: 'forbidden' },
  'no-credit': { circuit: 'ignored', key: 'failed', cooldown: 'no-credit' },
  /** The provider refuses this request, or this host failed: too long a prompt, barred content, too many open files. */
  'request-refused': { circuit: 'ignored', key: 'failed', cooldown: undefined },
  /** A kept connection was closed as the request was sent: it was idle for too long, which says nothing about the endpoint. */
  'stale-connection': { circuit: 'ignored', key: 'failed', cooldown: undefined },
  /** The caller left before the end, or a mock provider failed as it was configured to. */
  ignored: { circuit: 'ignored', key: 'not-counted', cooldown: undefined },
} as const satisfies Readonly<Record<string, OutcomeRow>>

export type Outcome = keyof typeof OUTCOMES

/** The outcome of a refusal that says by its words what it is about. */
const OF_REFUSALS: Readonly<Record<string, Outcome>> = {
  'no-credit': 'no-credit',
  'key-refused': 'key-refused',
  forbidden: 'forbidden',
  'rate-limited': 'rate-limited',
  'over-rate-limit': 'request-refused',
  'not-served': 'unusable-response',
  'malformed-output': 'request-refused',
  'foreign-thinking': 'request-refused',
} satisfies Record<RefusalReason, Outcome>

/** The outcome of a request that failed with `error`. */
export function outcomeOf({ code, details }: BrokerError): Outcome {
  const { status, refusal, isStale, attempts, isOverLease } = details
  if (isStale === true) return 'stale-connection'
  // The next request may be covered.
  if (isOverLease === true) return 'request-refused'
  // A broker above works, and reports a failure of its providers, whose circuits are its own.
  if (attempts !== undefined && (status ?? 500) >= 498) return 'request-refused'
  const ofRefusal = refusal === undefined ? undefined : OF_REFUSALS[refusal]
  if (ofRefusal !== undefined) return ofRefusal
  if (code === 'upstream-denied')
    return status === 402 ? 'no-credit' : status === 403 ? 'forbidden' : 'key-refused'
  if (code === 'upstream-busy' && status === 429) return 'rate-limited'
  if (code === 'upstream-busy' || code === 'upstream-failed' || code === 'upstream-timeout')
    // From 498 on a status may depend on the key (498 and 529: overloaded); without one no complete response came.
    return status === undefined || status >= 498 ? 'failed' : 'unusable-response'
  return 'request-refused'
}
