import type { Clock } from '../../base/clock.ts'
import type { BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import {
  afterAnswer,
  afterFailure,
  HEALTHY,
  isDenied,
  isHard,
  type LaneHealth,
  type RestReason,
} from './key-health.ts'
import { createMinuteWindow, type MinuteWindow } from './minute-window.ts'

/** A key and how it is to be used. */
export interface KeySetting {
  readonly key: Secret
  /** Share of the load among keys of the same priority; 1 unless said. */
  readonly weight?: number | undefined
  /** Sparse integer, lower is used first; 0 unless said. */
  readonly priority?: number | undefined
  /** Most requests in any 60 seconds. */
  readonly requestsPerMinute?: number | undefined
}

/** A key in use by one request. */
export interface Lease {
  readonly key: Secret | undefined
  /** Its lane, counted from 0. */
  readonly lane: number
  readonly takenAt: number
}

/** How fit something is to be asked: `shaky` has just failed and is asked when nothing better is there, `resting` not at all. */
export interface Readiness {
  readonly state: 'ready' | 'shaky' | 'resting'
  /** Milliseconds until it may be asked; 0 when it may be now. */
  readonly readyInMs: number
  readonly reason: RestReason | 'own-limit' | 'circuit-open' | undefined
}

/** One lane for people to read; never shows the key. */
export interface LaneState {
  /** Counted from 1, in the order of the configuration. */
  readonly number: number
  readonly state: 'ready' | RestReason | 'own-limit'
  readonly readyInMs: number
  readonly running: number
  /** Since the start, or since the provider was set up anew: how often it was taken, and how that went. */
  readonly asked: number
  readonly answered: number
  readonly failed: number
}

/** The keys of one provider in rotation. A provider that needs no key has one lane without. */
export interface KeyPool {
  readonly size: number
  /**
   * The best lane, counted as busy until it is released; `undefined` when all rest. With `sticky`, the same number gets
   * the same lane as long as that one is fit; without, the least busy lane by weight.
   */
  take(sticky?: number): Lease | undefined
  release(lease: Lease): void
  /** The request was answered. */
  answered(lease: Lease): void
  failed(lease: Lease, error: BrokerError): void
  readiness(): Readiness
  lanes(): readonly LaneState[]
}

interface Lane {
  readonly number: number
  readonly key: Secret | undefined
  readonly weight: number
  readonly priority: number
  readonly window: MinuteWindow | undefined
  health: LaneHealth
  running: number
  asked: number
  answered: number
  failed: number
}

export interface KeyPoolParts {
  readonly keys: readonly KeySetting[]
  readonly clock: Clock
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

export function createKeyPool({ keys, clock, random = Math.random }: KeyPoolParts): KeyPool {
  const settings: readonly Partial<KeySetting>[] = keys.length === 0 ? [{}] : keys
  const lanes = settings.map(createLane)
  let turn = 0

  return {
    size: keys.length,
    take(sticky) {
      const now = clock.monotonic()
      const lane = best(lanes, now, sticky, turn++)
      if (lane === undefined) return undefined
      lane.running++
      lane.asked++
      lane.window?.add(now)
      return { key: lane.key, lane: lane.number, takenAt: now }
    },
    release(lease) {
      const lane = lanes[lease.lane]
      if (lane !== undefined) lane.running--
    },
    answered(lease) {
      const lane = lanes[lease.lane]
      if (lane === undefined) return
      lane.answered++
      lane.health = afterAnswer(lane.health, lease.takenAt)
    },
    failed(lease, error) {
      const lane = lanes[lease.lane]
      if (lane === undefined) return
      lane.failed++
      const circumstances = { now: clock.monotonic(), sentAt: lease.takenAt, random: random() }
      lane.health = afterFailure(lane.health, error, circumstances)
    },
    readiness: () => poolReadiness(lanes.map((lane) => readinessOf(lane, clock.monotonic()))),
    lanes: () => lanes.map((lane) => stateOf(lane, clock.monotonic())),
  }
}

function createLane(setting: Partial<KeySetting>, number: number): Lane {
  const { key, weight = 1, priority = 0, requestsPerMinute } = setting
  const window = requestsPerMinute === undefined ? undefined : createMinuteWindow(requestsPerMinute)
  const counts = { running: 0, asked: 0, answered: 0, failed: 0 }
  return { number, key, weight, priority, window, health: HEALTHY, ...counts }
}

const RANKS = { ready: 0, shaky: 1, resting: 2 } as const

/** Fit before shaky, then by priority, then the sticky one or the least busy. Begins elsewhere each turn, so that idle keys share. */
function best(
  lanes: readonly Lane[],
  now: number,
  sticky: number | undefined,
  turn: number,
): Lane | undefined {
  let found: Lane | undefined
  let foundRank = RANKS.resting as number
  for (let step = 0; step < lanes.length; step++) {
    const lane = lanes[(turn + step) % lanes.length]
    if (lane === undefined) continue
    const rank = RANKS[readinessOf(lane, now).state]
    if (rank === RANKS.resting || rank > foundRank) continue
    if (found === undefined || rank < foundRank || comesBefore(lane, found, sticky)) {
      found = lane
      foundRank = rank
    }
  }
  return found
}

function comesBefore(lane: Lane, other: Lane, sticky: number | undefined): boolean {
  if (lane.priority !== other.priority) return lane.priority < other.priority
  if (sticky !== undefined) return affinity(lane, sticky) > affinity(other, sticky)
  return (lane.running + 1) / lane.weight < (other.running + 1) / other.weight
}

/** Rendezvous hashing: each number has its own order of the lanes, so losing one lane moves only what was on it. */
function affinity(lane: Lane, sticky: number): number {
  let mixed = Math.imul(sticky ^ Math.imul(lane.number + 1, 0x9e3779b1), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  const unit = (((mixed ^ (mixed >>> 16)) >>> 0) + 1) / 4294967297
  return -lane.weight / Math.log(unit)
}

const READY: Readiness = Object.freeze({ state: 'ready', readyInMs: 0, reason: undefined })

function readinessOf({ health, window, running }: Lane, now: number): Readiness {
  const { rest, until } = health
  if (isHard(health) && until > now) return { state: 'resting', readyInMs: until - now, reason: rest }
  // Its time is up, but only a success clears it: one request at a time finds out.
  if (isDenied(health) && running > 0) return { state: 'resting', readyInMs: 1000, reason: rest }
  const fullMs = window?.fullForMs(now) ?? 0
  if (fullMs > 0) return { state: 'resting', readyInMs: fullMs, reason: 'own-limit' }
  return rest === 'failing' && until > now ? { state: 'shaky', readyInMs: 0, reason: rest } : READY
}

/** A pool is as fit as its fittest lane. */
function poolReadiness(lanes: readonly Readiness[]): Readiness {
  return lanes.reduce((a, b) => ((RANKS[b.state] - RANKS[a.state] || b.readyInMs - a.readyInMs) < 0 ? b : a))
}

function stateOf(lane: Lane, now: number): LaneState {
  const { state, readyInMs, reason } = readinessOf(lane, now)
  const shown = state === 'ready' || reason === undefined || reason === 'circuit-open' ? 'ready' : reason
  const restMs = state === 'shaky' ? lane.health.until - now : readyInMs
  const { number, running, asked, answered, failed } = lane
  return { number: number + 1, state: shown, readyInMs: Math.ceil(restMs), running, asked, answered, failed }
}
