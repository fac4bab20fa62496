import { backoffMs, type BackoffLimits } from '../../base/backoff.ts'

/** Why a key is cooling down. */
export type CooldownReason =
  /** The provider responded with 429. */
  | 'limited'
  /** The provider refuses the key (401), forbids what the key asks for (403), or the account has no credit (402). */
  | 'key-refused'
  | 'forbidden'
  | 'no-credit'
  /** Responses were 5xx, or connections broke. */
  | 'failing'

/** What is known about one key. Times are monotonic milliseconds. */
export interface KeyHealth {
  readonly cooldown: CooldownReason | undefined
  /** When the cooldown ends. */
  readonly until: number
  /** When the cooldown began. The outcome of a request that was sent before says nothing about it. */
  readonly since: number
  /** Cooldowns for this reason without a success between them. */
  readonly inARow: number
}

export const HEALTHY: KeyHealth = Object.freeze({ cooldown: undefined, until: 0, since: -1, inARow: 0 })

const LIMITED_MS = 60_000
const FAILING: BackoffLimits = { firstMs: 5_000, maxMs: 5 * 60_000 }
/** After this time one request tests a refused key, so that a topped-up account needs no restart. */
const DENIED: BackoffLimits = { firstMs: 5 * 60_000, maxMs: 60 * 60_000 }
/** Cooldowns are lengthened by up to this share, so that many brokers do not return at the same moment. */
const JITTER = 0.1

/** A failed request, as its key sees it. */
export interface KeyFailure {
  readonly reason: CooldownReason
  /** When the provider wants the next request, in seconds. */
  readonly retryAfter: number | undefined
  readonly now: number
  readonly sentAt: number
  /** In [0, 1), for jitter. */
  readonly random: number
}

/** The health of a key after a request that failed with it. */
export function afterFailure(health: KeyHealth, failure: KeyFailure): KeyHealth {
  const { reason, retryAfter, now, sentAt, random } = failure
  // A broken connection says nothing new about a key that is limited or refused; only its next check is delayed.
  if (reason === 'failing' && (isDenied(health) || (isUnusable(health) && health.until > now)))
    return { ...health, until: Math.max(health.until, now + FAILING.firstMs) }
  // A provider that says “retry at once” has still just refused.
  const retryAfterMs = retryAfter === undefined ? 0 : (retryAfter === 0 ? 1 : retryAfter) * 1000
  // Requests that were in flight together and fail together count as one failure.
  if (health.cooldown === reason && sentAt <= health.since)
    return { ...health, until: Math.max(health.until, now + retryAfterMs) }
  const inARow = health.cooldown === reason ? health.inARow + 1 : 1
  const ms = Math.max(retryAfterMs, cooldownMs(reason, inARow, retryAfterMs)) * (1 + JITTER * random)
  return { cooldown: reason, until: now + ms, since: now, inARow }
}

/** A success ends every cooldown that began before the request was sent. */
export function afterSuccess(health: KeyHealth, sentAt: number): KeyHealth {
  return sentAt >= health.since ? HEALTHY : health
}

/** Whether a request with this key would be useless now. A key that only failed may be used when there is no better one. */
export function isUnusable({ cooldown }: Pick<KeyHealth, 'cooldown'>): boolean {
  return cooldown !== undefined && cooldown !== 'failing'
}

/** Whether the key counts as refused until one request has succeeded with it. */
export function isDenied({ cooldown }: Pick<KeyHealth, 'cooldown'>): boolean {
  return cooldown === 'key-refused' || cooldown === 'forbidden' || cooldown === 'no-credit'
}

function cooldownMs(reason: CooldownReason, inARow: number, retryAfterMs: number): number {
  if (reason === 'limited') return retryAfterMs > 0 ? retryAfterMs : LIMITED_MS
  return backoffMs(reason === 'failing' ? FAILING : DENIED, inARow)
}
