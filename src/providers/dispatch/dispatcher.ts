import type { Clock } from '../../base/clock.ts'
import { BrokerError, type ErrorCode } from '../../base/errors.ts'
import { createHealthBook, type HealthBook } from '../health/endpoint-health.ts'
import { createKeyPool, type KeySetting, type LaneState, type Readiness } from '../keys/key-pool.ts'
import type { ProviderDefinition, Question } from '../provider.ts'
import { stickinessOf } from './session-affinity.ts'
import { createWatch, DEFAULT_LIMITS, type TimeLimits, type Watch } from '../transport/timeouts.ts'
import { Visit, type VisitOwner } from './dispatched-request.ts'

export interface DeskParts {
  readonly definition: ProviderDefinition
  readonly keys: readonly KeySetting[]
  readonly clock: Clock
  /** Shared by all providers; one of its own unless said. */
  readonly health?: HealthBook | undefined
  readonly watch?: Watch | undefined
  readonly limits?: TimeLimits | undefined
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

/** Where a provider is entered: who may ask it now, with which key, for how long; and what came of it. */
export interface Desk {
  readonly keyCount: number
  /** The visit of one question. Throws what its listener should hear when the provider must not be asked now. */
  admit(question: Question, owner: VisitOwner): Visit
  readiness(modelId: string): Readiness
  lanes(): readonly LaneState[]
}

export function createDesk(parts: DeskParts): Desk {
  const { definition, clock, random = Math.random, limits = DEFAULT_LIMITS } = parts
  const keys = createKeyPool({ keys: parts.keys, clock, random })
  const health = parts.health ?? createHealthBook({ clock, random })
  const watch = parts.watch ?? createWatch(clock)
  // The one that was asked for last: a name put together anew must be hashed anew, twice per request.
  let last = { modelId: '', endpoint: `${definition.id}/` }
  const endpointOf = (modelId: string): string => {
    if (last.modelId !== modelId) last = { modelId, endpoint: `${definition.id}/${modelId}` }
    return last.endpoint
  }
  // A stand-in fails only when it was told to; that says nothing of the next request.
  const isForgiving = definition.isStandIn ?? false

  return {
    keyCount: keys.size,
    admit(question, owner) {
      const endpoint = health.of(endpointOf(question.modelId))
      const { breaker } = endpoint
      const now = clock.monotonic()
      // Who comes although it rests has nobody else to go to.
      const restMs = breaker.insistMs(now)
      if (restMs > 0)
        throw resting(definition, { state: 'resting', readyInMs: restMs, reason: 'circuit-open' })
      const lease = keys.take(keys.size > 1 ? stickinessOf(question) : undefined)
      if (lease === undefined) throw resting(definition, keys.readiness())
      const pass = breaker.enter(now)
      return new Visit({
        question,
        owner,
        lease,
        pass,
        keys,
        endpoint,
        watch,
        limits,
        clock,
        isForgiving,
      })
    },
    readiness(modelId) {
      const restMs = health.restMs(endpointOf(modelId))
      if (restMs > 0) return { state: 'resting', readyInMs: restMs, reason: 'circuit-open' }
      const pool = keys.readiness()
      // Failing keys are a matter of choosing another one; whether the endpoint works is what its circuit knows.
      return pool.state === 'shaky' ? { ...pool, state: 'ready' } : pool
    },
    lanes: () => keys.lanes(),
  }
}

const REASONS: Readonly<
  Record<NonNullable<Readiness['reason']>, { readonly code: ErrorCode; readonly why: string }>
> = {
  limited: { code: 'upstream-busy', why: 'has reached its rate limit' },
  'own-limit': { code: 'upstream-busy', why: 'is at the requests per minute that its keys are set to' },
  'key-refused': { code: 'upstream-denied', why: 'refused our key' },
  forbidden: { code: 'upstream-denied', why: 'forbids our key this' },
  'no-credit': { code: 'upstream-denied', why: 'has no credit left for our key' },
  failing: { code: 'upstream-resting', why: 'rests after failures' },
  'circuit-open': { code: 'upstream-resting', why: 'rests after failures' },
}

function resting(
  { displayName }: ProviderDefinition,
  { reason = 'circuit-open', readyInMs }: Readiness,
): BrokerError {
  const { code, why } = REASONS[reason]
  const retryAfter = Math.ceil(readyInMs / 1000)
  return new BrokerError(
    code,
    `${displayName} ${why}; it was not asked again, which makes sense in ${retryAfter} s`,
    {
      details: { provider: displayName, retryAfter, isUnasked: true },
    },
  )
}
