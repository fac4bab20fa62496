import type { Clock } from '../../base/clock.ts'
import { BoundedMap } from '../../base/collections/bounded-map.ts'
import type { Secret } from '../../base/secret.ts'
import {
  afterFailure,
  afterSuccess,
  HEALTHY,
  isDenied,
  isUnusable,
  type CooldownReason,
  type KeyHealth,
} from './key-health.ts'
import { createRpmWindow, type RpmWindow } from './rpm-window.ts'

/** A key and how it is to be used. */
export interface KeySetting {
  readonly key: Secret
  /** Share of the load among keys of the same priority; default 1. */
  readonly weight?: number | undefined
  /** Sparse integer, lower is used first; default 0. */
  readonly priority?: number | undefined
  /** Maximum number of requests in any 60 seconds. */
  readonly requestsPerMinute?: number | undefined
}

/** A key in use by one request. */
export interface Lease {
  readonly key: Secret | undefined
  /** The key's index in the pool, from 0. */
  readonly index: number
  readonly takenAt: number
}

/**
 * Whether a key or an endpoint can serve a request now. `degraded`: it has just failed and is used when there is
 * nothing better. `cooling-down`: it is not used.
 */
export interface Readiness {
  readonly state: 'ready' | 'degraded' | 'cooling-down'
  /** Milliseconds until a request may be sent; 0 when it may be sent now. */
  readonly availableInMs: number
  readonly reason: CooldownReason | 'own-limit' | 'circuit-open' | undefined
}

/** The state of one key, for people to read. It never shows the key. */
export interface KeyState {
  /** The key's number in the configuration, from 1. */
  readonly number: number
  readonly state: 'ready' | CooldownReason | 'own-limit'
  readonly availableInMs: number
  /** Requests in flight. */
  readonly inFlight: number
  /** Requests since the start, or since the provider was configured anew, and how they ended. */
  readonly requests: number
  readonly successes: number
  readonly failures: number
}

/** The keys of one provider in rotation. A provider that needs no key has one entry without a key. */
export interface KeyPool {
  readonly size: number
  /**
   * Takes the best key, which counts as in use until it is released; `undefined` when all keys are cooling down. Requests
   * with the same `affinity` get the same key while it is usable; requests without get the least busy key by weight. The key
   * at the index `preferred` comes before all others while it is ready.
   */
  take(modelId: string, affinity?: number, preferred?: number): Lease | undefined
  release(lease: Lease): void
  /** Records that a request succeeded with this key. */
  succeeded(lease: Lease): void
  /**
   * Records that a request failed with this key. Without a `reason` the key is not the cause and stays as it is. With a
   * `modelId` only that model's requests are affected: for refusals that are known by their words alone.
   */
  failed(lease: Lease, failure: FailedRequest): void
  /** The readiness of the best key for a model. */
  readiness(modelId: string): Readiness
  keys(): readonly KeyState[]
}

export interface FailedRequest {
  readonly reason: CooldownReason | undefined
  /** When the provider wants the next request, in seconds. */
  readonly retryAfter: number | undefined
  readonly modelId?: string | undefined
}

/** More models of one provider than any models file lists beside each other. */
const MAX_MODELS = 1000

interface Key {
  readonly index: number
  readonly secret: Secret | undefined
  readonly weight: number
  readonly priority: number
  readonly window: RpmWindow | undefined
  health: KeyHealth
  /** Of the models that were refused with this key by words alone. */
  readonly ofModels: BoundedMap<string, KeyHealth>
  inFlight: number
  requests: number
  successes: number
  failures: number
}

export interface KeyPoolParts {
  readonly keys: readonly KeySetting[]
  readonly clock: Clock
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

/** Builds the pool. Without keys it has one entry without a key. */
export function createKeyPool({ keys, clock, random = Math.random }: KeyPoolParts): KeyPool {
  const settings: readonly Partial<KeySetting>[] = keys.length === 0 ? [{}] : keys
  const all = settings.map(createKey)
  let turn = 0

  return {
    size: keys.length,
    take(modelId, affinity, preferred) {
      const now = clock.monotonic()
      const wanted = preferred === undefined ? undefined : readyKey(all[preferred], now, modelId)
      const key = wanted ?? bestKey(all, { now, modelId, affinity, turn: turn++ })
      if (key === undefined) return undefined
      key.inFlight++
      key.requests++
      key.window?.add(now)
      return { key: key.secret, index: key.index, takenAt: now }
    },
    release({ index }) {
      const key = all[index]
      if (key !== undefined) key.inFlight--
    },
    succeeded({ index, takenAt }) {
      const key = all[index]
      if (key === undefined) return
      key.successes++
      key.health = afterSuccess(key.health, takenAt)
    },
    failed({ index, takenAt }, { reason, retryAfter, modelId }) {
      const key = all[index]
      if (key === undefined) return
      key.failures++
      if (reason === undefined) return
      const failure = { reason, retryAfter, now: clock.monotonic(), sentAt: takenAt, random: random() }
      if (modelId === undefined) key.health = afterFailure(key.health, failure)
      else key.ofModels.set(modelId, afterFailure(key.ofModels.get(modelId) ?? HEALTHY, failure))
    },
    readiness: (modelId) => poolReadiness(all.map((key) => readinessOf(key, clock.monotonic(), modelId))),
    keys: () => all.map((key) => stateOf(key, clock.monotonic())),
  }
}

function createKey(setting: Partial<KeySetting>, index: number): Key {
  const { key: secret, weight = 1, priority = 0, requestsPerMinute } = setting
  const window = requestsPerMinute === undefined ? undefined : createRpmWindow(requestsPerMinute)
  const counts = { inFlight: 0, requests: 0, successes: 0, failures: 0 }
  const ofModels = new BoundedMap<string, KeyHealth>(MAX_MODELS)
  return { index, secret, weight, priority, window, health: HEALTHY, ofModels, ...counts }
}

function readyKey(key: Key | undefined, now: number, modelId: string): Key | undefined {
  return key !== undefined && readinessOf(key, now, modelId).state === 'ready' ? key : undefined
}

const RANKS = { ready: 0, degraded: 1, 'cooling-down': 2 } as const

/**
 * Ready before degraded, then by priority, then by affinity or the least busy. The search begins at another key each turn,
 * so that idle keys share the load.
 */
function bestKey(
  keys: readonly Key[],
  {
    now,
    modelId,
    affinity,
    turn,
  }: {
    readonly now: number
    readonly modelId: string
    readonly affinity: number | undefined
    readonly turn: number
  },
): Key | undefined {
  let best: Key | undefined
  let bestRank = RANKS['cooling-down'] as number
  for (let step = 0; step < keys.length; step++) {
    const key = keys[(turn + step) % keys.length]
    if (key === undefined) continue
    const rank = RANKS[readinessOf(key, now, modelId).state]
    if (rank === RANKS['cooling-down'] || rank > bestRank) continue
    if (best === undefined || rank < bestRank || comesBefore(key, best, affinity)) {
      best = key
      bestRank = rank
    }
  }
  return best
}

function comesBefore(key: Key, other: Key, affinity: number | undefined): boolean {
  if (key.priority !== other.priority) return key.priority < other.priority
  if (affinity !== undefined) return rendezvousScore(key, affinity) > rendezvousScore(other, affinity)
  return (key.inFlight + 1) / key.weight < (other.inFlight + 1) / other.weight
}

/** Rendezvous hashing: each affinity has its own order of the keys, so losing one key moves only its own requests. */
function rendezvousScore(key: Key, affinity: number): number {
  let mixed = Math.imul(affinity ^ Math.imul(key.index + 1, 0x9e3779b1), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  const unit = (((mixed ^ (mixed >>> 16)) >>> 0) + 1) / 4294967297
  return -key.weight / Math.log(unit)
}

const READY: Readiness = Object.freeze({ state: 'ready', availableInMs: 0, reason: undefined })

function readinessOf({ health, ofModels, window, inFlight }: Key, now: number, modelId?: string): Readiness {
  const { cooldown, until } = health
  const ofModel = modelId === undefined || ofModels.size === 0 ? undefined : ofModels.get(modelId)
  if (ofModel !== undefined && isUnusable(ofModel) && ofModel.until > now)
    return { state: 'cooling-down', availableInMs: ofModel.until - now, reason: ofModel.cooldown }
  if (isUnusable(health) && until > now)
    return { state: 'cooling-down', availableInMs: until - now, reason: cooldown }
  // The cooldown is over, but only a success clears a refused key: one request at a time tests it.
  if (isDenied(health) && inFlight > 0)
    return { state: 'cooling-down', availableInMs: 1000, reason: cooldown }
  const fullMs = window?.fullForMs(now) ?? 0
  if (fullMs > 0) return { state: 'cooling-down', availableInMs: fullMs, reason: 'own-limit' }
  return cooldown === 'failing' && until > now
    ? { state: 'degraded', availableInMs: 0, reason: cooldown }
    : READY
}

function poolReadiness(keys: readonly Readiness[]): Readiness {
  return keys.reduce((a, b) =>
    (RANKS[b.state] - RANKS[a.state] || b.availableInMs - a.availableInMs) < 0 ? b : a,
  )
}

function stateOf(key: Key, now: number): KeyState {
  const { state, availableInMs, reason } = readinessOf(key, now)
  const cooldownMs = state === 'degraded' ? key.health.until - now : availableInMs
  return {
    number: key.index + 1,
    state: state === 'ready' || reason === undefined || reason === 'circuit-open' ? 'ready' : reason,
    availableInMs: Math.ceil(cooldownMs),
    inFlight: key.inFlight,
    requests: key.requests,
    successes: key.successes,
    failures: key.failures,
  }
}
