import type { Clock } from '../../base/clock.ts'
import { BrokerError, type ErrorCode } from '../../base/errors.ts'
import { createHealthRegistry, type HealthRegistry } from '../health/endpoint-health.ts'
import { createKeyPool, type KeySetting, type KeyState, type Readiness } from '../keys/key-pool.ts'
import type { ProviderDefinition, ProviderRequest } from '../provider.ts'
import { Permit, type PermitParts } from './permit.ts'
import { affinityOf } from './session-affinity.ts'
import { makerOf } from './thinking-maker.ts'

export interface DispatcherParts {
  readonly definition: ProviderDefinition
  readonly keys: readonly KeySetting[]
  readonly clock: Clock
  /** Shared by all providers; the dispatcher creates its own by default. */
  readonly health?: HealthRegistry | undefined
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

/** Decides whether a provider may get a request now, and with which key. */
export interface Dispatcher {
  readonly keyCount: number
  /** A permit for one request, or the reason why the provider must not get it now. */
  acquire(request: ProviderRequest): Permit | BrokerError
  readiness(modelId: string): Readiness
  /** The states of the keys, without the keys. */
  keys(): readonly KeyState[]
}

/** Builds the dispatcher of one provider. */
export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { definition, clock, random = Math.random } = parts
  const keys = createKeyPool({ keys: parts.keys, clock, random })
  const health = parts.health ?? createHealthRegistry({ clock, random })
  const permitParts: PermitParts = { keys, clock, ignoresFailures: definition.isMock ?? false }
  // The last endpoint is kept, because a newly concatenated string has to be hashed anew, twice per request.
  let last = { modelId: '', endpoint: `${definition.id}/` }
  const endpointOf = (modelId: string): string => {
    if (last.modelId !== modelId) last = { modelId, endpoint: `${definition.id}/${modelId}` }
    return last.endpoint
  }

  return {
    keyCount: keys.size,
    acquire(request) {
      const endpoint = health.of(endpointOf(request.modelId))
      const now = clock.monotonic()
      // A request that is sent to an open circuit has no other endpoint to go to.
      const openMs = endpoint.circuit.forcedRetryInMs(now)
      if (openMs > 0) return unavailable(definition, circuitOpen(openMs))
      const { modelId } = request
      const lease =
        keys.size > 1 ? keys.take(modelId, affinityOf(request), makerOf(request, parts)) : keys.take(modelId)
      if (lease === undefined) return unavailable(definition, keys.readiness(modelId))
      return new Permit(permitParts, endpoint, {
        lease,
        circuitPermit: endpoint.circuit.acquire(now),
        modelId,
      })
    },
    readiness(modelId) {
      const openMs = health.availableInMs(endpointOf(modelId))
      if (openMs > 0) return circuitOpen(openMs)
      const pool = keys.readiness(modelId)
      // A failing key is a reason to take another key; whether the endpoint works is known to its circuit.
      return pool.state === 'degraded' ? { ...pool, state: 'ready' } : pool
    },
    keys: () => keys.keys(),
  }
}

function circuitOpen(readyInMs: number): Readiness {
  return { state: 'cooling-down', availableInMs: readyInMs, reason: 'circuit-open' }
}

const UNAVAILABLE: Readonly<
  Record<NonNullable<Readiness['reason']>, { readonly code: ErrorCode; readonly why: string }>
> = {
  limited: { code: 'upstream-busy', why: 'has reached its rate limit' },
  'own-limit': { code: 'upstream-busy', why: 'has reached the requests per minute configured for its keys' },
  'key-refused': { code: 'upstream-denied', why: 'refused our key' },
  forbidden: { code: 'upstream-denied', why: 'forbids what our key asks for' },
  'no-credit': { code: 'upstream-denied', why: 'has no credit left for our key' },
  failing: { code: 'upstream-resting', why: 'is cooling down after failures' },
  'circuit-open': { code: 'upstream-resting', why: 'is cooling down after failures' },
}

function unavailable(
  { displayName }: ProviderDefinition,
  { reason = 'circuit-open', availableInMs }: Readiness,
): BrokerError {
  const { code, why } = UNAVAILABLE[reason]
  const retryAfter = Math.ceil(availableInMs / 1000)
  return new BrokerError(code, `${displayName} ${why}; the request was not sent, retry in ${retryAfter} s`, {
    details: { provider: displayName, retryAfter, isUnsent: true },
  })
}
