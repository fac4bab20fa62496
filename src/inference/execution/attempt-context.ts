import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { OutgoingHop } from '../../cascade/hop/outgoing-hop.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { Readiness } from '../../providers/keys/key-pool.ts'
import type { Provider } from '../../providers/provider.ts'
import type { Grant } from '../budget/affordable-candidates.ts'
import type { RequestContext, InferenceRequest } from '../request/inference-request.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { UpstreamIds } from '../response/upstream-ids.ts'
import type { HangUpPolicy } from '../services/services.ts'
import type { DeliveredText } from './recovery/delivered-text.ts'
import type { RequestRecord } from './request-record.ts'
import type { Reservation } from './reservation.ts'

/** What all attempts of one request share. */
export interface AttemptContext {
  readonly request: InferenceRequest
  readonly context: RequestContext
  readonly sink: ResponseSink
  readonly record: RequestRecord
  readonly grant: Grant
  readonly reservation: Pick<Reservation, 'coverSpent'>
  /** The maximum tokens of all choices together by a limit of tokens a minute. */
  readonly maxTokens: number | undefined
  readonly hangUp: HangUpPolicy
  readonly clock: Clock
  readonly upstreamIds: UpstreamIds
  readonly providers: Providers
  /** Unix seconds of the start. */
  readonly created: number
  /** Monotonic milliseconds at which the whole request must be done. */
  readonly deadlineAt: number
  /** Only kept where a broken stream may be resumed. */
  readonly delivered: DeliveredText | undefined
  /** What is told to brokers above; absent where none is a candidate. */
  readonly hop?: OutgoingHop | undefined
  /** Set once a provider has refused the opaque thoughts of the history: further attempts are made without them. */
  withoutThinking?: boolean | undefined
  /** Called before the caller gets the first chunk; only where a second attempt may run beside this one. */
  readonly onBegin?: (() => void) | undefined
}

/** The providers as they are now: a reload may have rebuilt or removed one since the request began. */
export type Providers = () => ReadonlyMap<string, Provider>

/** Throws `upstream-down` when the provider was removed. */
export function providerOf(providers: Providers, endpoint: Endpoint): Provider {
  const provider = providers().get(endpoint.provider)
  if (provider === undefined)
    throw new BrokerError('upstream-down', `${endpoint.provider} is no longer configured here`)
  return provider
}

/** How available endpoints are now. */
export function readinessAt(providers: Providers): (endpoint: Endpoint) => Readiness {
  return (endpoint) => readinessOf(providers, endpoint)
}

export function readinessOf(providers: Providers, { provider, modelId }: Endpoint): Readiness {
  return providers().get(provider)?.readiness(modelId) ?? REMOVED
}

/** Of a provider that a reload removed. */
const REMOVED: Readiness = {
  state: 'cooling-down',
  availableInMs: Number.POSITIVE_INFINITY,
  reason: undefined,
}
