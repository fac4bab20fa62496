import { ERRORS, type BrokerError } from '../base/errors.ts'
import type { Readiness } from '../providers/keys/key-pool.ts'

/** What the walk has to know of an endpoint. */
export interface Candidate {
  readonly id: string
  readonly model: string
  readonly contextWindow: number | undefined
}

/** One attempt that failed before the caller saw anything of it. */
export interface Tried<C> {
  readonly candidate: C
  readonly error: BrokerError
}

/** Where a walk stands. Health enters as data. */
export interface Situation<C> {
  /** Best first. */
  readonly candidates: readonly C[]
  readonly trail: readonly Tried<C>[]
  readonly readiness: (candidate: C) => Readiness
  /** Milliseconds until the whole request must be done. */
  readonly timeLeftMs: number
  /** In [0, 1), for jitter. */
  readonly random: number
}

export type Step<C> =
  | { readonly type: 'ask'; readonly candidate: C; readonly afterMs: number }
  | { readonly type: 'stop' }

/** No request costs more upstream attempts than this, whatever is there to try. */
export const MOST_ATTEMPTS = 6
/** One more than this many models refusing the same request, and it is the request. */
const MOST_REFUSALS = 2
/** A caller is kept waiting so long for the one provider that said when to come back. */
const PATIENCE_MS = 5_000
/** Timers may go off a little early by another clock. */
const TIMER_SLACK_MS = 10
const RETRY_AFTER_MS = 250

const STOP = { type: 'stop' } as const

/**
 * Whom to ask next. In this order: the same endpoint with another key, when only the key was the trouble; the next fit
 * candidate; a candidate that has just failed elsewhere; the same endpoint again, once, when its failure may have
 * passed; one that is fit again within a few seconds; without any of these, one whose circuit is open all the same, which
 * it allows now and then. Never one whose refusal is known.
 */
export function nextStep<C extends Candidate>(situation: Situation<C>): Step<C> {
  const { candidates, trail, readiness, timeLeftMs } = situation
  const [first] = candidates
  if (first === undefined || timeLeftMs <= 0 || isHopeless(trail)) return STOP
  // What nearly always happens, without any of the lists below.
  if (trail.length === 0 && readiness(first).state === 'ready') return ask(first)
  const open = candidates.filter((candidate) => !isBarred(candidate, trail))
  const last = trail.at(-1)
  if (last !== undefined && isKeyTrouble(last.error) && readiness(last.candidate).state === 'ready')
    return ask(last.candidate)
  const fresh = open.filter((candidate) => !trail.some((tried) => tried.candidate.id === candidate.id))
  const next =
    fresh.find((candidate) => readiness(candidate).state === 'ready') ??
    fresh.find((candidate) => readiness(candidate).state === 'shaky')
  if (next !== undefined) return ask(next)
  return (
    again(open, situation) ??
    later(open, situation) ??
    (trail.length === 0 ? ask(inSpite(situation, first)) : STOP)
  )
}

/** Nobody is fit. A provider that refuses us for now would be asked in vain, one that failed may have recovered. */
function inSpite<C extends Candidate>({ candidates, readiness }: Situation<C>, first: C): C {
  return candidates.find((candidate) => readiness(candidate).reason === 'circuit-open') ?? first
}

function ask<C>(candidate: C, afterMs = 0): Step<C> {
  return { type: 'ask', candidate, afterMs }
}

function isHopeless(trail: readonly Tried<unknown>[]): boolean {
  const rules = trail.map(({ error }) => ERRORS[error.code].fallback)
  const refusals = rules.filter((rule) => rule === 'other-model').length
  return trail.length >= MOST_ATTEMPTS || rules.includes('stop') || refusals >= MOST_REFUSALS
}

/** A candidate that would repeat a refusal: the same model, or one with no more room for a prompt that was too long. */
function isBarred(candidate: Candidate, trail: readonly Tried<Candidate>[]): boolean {
  return trail.some(({ candidate: failed, error }) => {
    const rule = ERRORS[error.code].fallback
    if (rule === 'other-model') return candidate.model === failed.model
    if (rule === 'larger') return (candidate.contextWindow ?? 0) <= (failed.contextWindow ?? 0)
    return false
  })
}

function isKeyTrouble({ code, details }: BrokerError): boolean {
  const { status = 429, isUnasked } = details
  return code === 'upstream-denied' || (code === 'upstream-busy' && status === 429 && isUnasked !== true)
}

/** The same endpoint again: only for what may have been a moment's trouble, and once in a request. A silent one has cost enough. */
function again<C extends Candidate>(open: readonly C[], situation: Situation<C>): Step<C> | undefined {
  const { trail, readiness, random } = situation
  const ids = trail.map(({ candidate }) => candidate.id)
  if (new Set(ids).size < ids.length) return undefined
  const found = trail.find(
    ({ candidate, error }) =>
      isMomentary(error) && open.includes(candidate) && readiness(candidate).state !== 'resting',
  )
  return found && ask(found.candidate, RETRY_AFTER_MS * (1 + random))
}

/**
 * The provider said that it failed, or can't have heard the request. One that may have been at work when the connection
 * broke could bill twice.
 */
function isMomentary({ code, details }: BrokerError): boolean {
  const { raw, mayRepeat, isUnasked, retryAfter, status = 503 } = details
  const isKnown = details.status !== undefined || raw !== undefined || mayRepeat === true
  const isServerTrouble = isKnown && status >= 500 && status !== 501
  return code === 'upstream-failed' && isServerTrouble && isUnasked !== true && retryAfter === undefined
}

/** Whoever is fit again soon enough to wait for, once in a request. */
function later<C extends Candidate>(
  open: readonly C[],
  { trail, readiness, timeLeftMs }: Situation<C>,
): Step<C> | undefined {
  // A circuit that is open may be tried at once by who has nobody else; waiting for it only gathers a crowd.
  const isWorthIt = ({ reason }: Readiness): boolean => trail.length > 0 || reason !== 'circuit-open'
  const count = (candidate: C): number => trail.filter((tried) => tried.candidate.id === candidate.id).length
  const waits = open
    .filter((candidate) => count(candidate) < 2 && !wasSilent(candidate, trail))
    .map((candidate) => ({ candidate, ...readiness(candidate) }))
    .filter(isWorthIt)
    .filter(({ state, readyInMs }) => state === 'resting' && readyInMs <= Math.min(PATIENCE_MS, timeLeftMs))
    .sort((a, b) => a.readyInMs - b.readyInMs)
  const [soonest] = waits
  if (soonest === undefined || open.some((candidate) => count(candidate) > 1)) return undefined
  return ask(soonest.candidate, soonest.readyInMs + TIMER_SLACK_MS)
}

function wasSilent<C extends Candidate>(candidate: C, trail: readonly Tried<C>[]): boolean {
  return trail.some(
    ({ candidate: tried, error }) => tried.id === candidate.id && error.code === 'upstream-timeout',
  )
}
