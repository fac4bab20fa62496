import { ERRORS, type BrokerError } from '../base/errors.ts'
import type { Readiness } from '../providers/keys/key-pool.ts'

/** What the policy has to know of an endpoint. */
export interface Candidate {
  readonly id: string
  readonly model: string
  readonly contextWindow: number | undefined
}

/** One attempt that failed before the caller got any of it. */
export interface AttemptFailure<C> {
  readonly candidate: C
  readonly error: BrokerError
}

/** How far a request has come. */
export interface FallbackState<C> {
  /** Best first. */
  readonly candidates: readonly C[]
  readonly history: readonly AttemptFailure<C>[]
  /** How available a candidate is now. */
  readonly readiness: (candidate: C) => Readiness
  /** Milliseconds until the whole request must be done. */
  readonly timeLeftMs: number
  /** In [0, 1), for jitter. */
  readonly random: number
}

export type Step<C> =
  | { readonly type: 'attempt'; readonly candidate: C; readonly afterMs: number }
  | { readonly type: 'stop' }

/** The maximum number of attempts of one request, whatever candidates there are. */
export const MAX_ATTEMPTS = 6
/** After as many refusals of the same request by different models, the request itself is the cause. */
const MAX_REFUSALS = 2
/** The maximum wait for a provider that stated when it will be available again. */
const MAX_WAIT_MS = 5_000
/** Timers may fire a little early by another clock. */
const TIMER_SLACK_MS = 10
const RETRY_AFTER_MS = 250

const STOP = { type: 'stop' } as const

/**
 * What to do next. In this order: the same endpoint with another key, when only the key was the cause; the next available
 * candidate; a degraded one; the same endpoint again, once, when its failure may have passed; one that is available again
 * within a few seconds; without any of these, one whose circuit is open, which is retried now and then. Never a candidate
 * that would only repeat a known refusal.
 */
export function nextStep<C extends Candidate>(state: FallbackState<C>): Step<C> {
  const { candidates, history, readiness, timeLeftMs } = state
  const [first] = candidates
  if (first === undefined || timeLeftMs <= 0 || isExhausted(history)) return STOP
  // The usual case, without any of the lists below.
  if (history.length === 0 && readiness(first).state === 'ready') return attempt(first)
  const eligible = candidates.filter((candidate) => !wouldRepeatRefusal(candidate, history))
  const last = history.at(-1)
  if (last !== undefined && isKeyFailure(last.error) && readiness(last.candidate).state === 'ready')
    return attempt(last.candidate)
  const fresh = eligible.filter((candidate) => !history.some((tried) => tried.candidate.id === candidate.id))
  const next =
    fresh.find((candidate) => readiness(candidate).state === 'ready') ??
    fresh.find((candidate) => readiness(candidate).state === 'degraded')
  if (next !== undefined) return attempt(next)
  return (
    retrySame(eligible, state) ??
    waitFor(eligible, state) ??
    (history.length === 0 ? attempt(forceOpenCircuit(state, first)) : STOP)
  )
}

/** No candidate is available. A provider that limits us would refuse again, one whose circuit is open may have recovered. */
function forceOpenCircuit<C extends Candidate>({ candidates, readiness }: FallbackState<C>, first: C): C {
  return candidates.find((candidate) => readiness(candidate).reason === 'circuit-open') ?? first
}

function attempt<C>(candidate: C, afterMs = 0): Step<C> {
  return { type: 'attempt', candidate, afterMs }
}

function isExhausted(history: readonly AttemptFailure<unknown>[]): boolean {
  const rules = history.map(({ error }) => ERRORS[error.code].fallback)
  const refusals = rules.filter((rule) => rule === 'other-model').length
  return history.length >= MAX_ATTEMPTS || rules.includes('stop') || refusals >= MAX_REFUSALS
}

/** A candidate that would repeat a refusal: the same model, or no larger context window for a prompt that was too long. */
function wouldRepeatRefusal(candidate: Candidate, history: readonly AttemptFailure<Candidate>[]): boolean {
  return history.some(({ candidate: failed, error }) => {
    const rule = ERRORS[error.code].fallback
    if (rule === 'other-model') return candidate.model === failed.model
    if (rule === 'larger') return (candidate.contextWindow ?? 0) <= (failed.contextWindow ?? 0)
    return false
  })
}

function isKeyFailure({ code, details }: BrokerError): boolean {
  const { status = 429, isUnsent, refusal } = details
  const isLimit = status === 429 || refusal === 'rate-limited'
  return code === 'upstream-denied' || (code === 'upstream-busy' && isLimit && isUnsent !== true)
}

/** The same endpoint again: only after a failure that may be momentary, and once in a request. Never after a timeout, which took long enough. */
function retrySame<C extends Candidate>(
  eligible: readonly C[],
  state: FallbackState<C>,
): Step<C> | undefined {
  const { history, readiness, random } = state
  const ids = history.map(({ candidate }) => candidate.id)
  if (new Set(ids).size < ids.length) return undefined
  const found = history.find(
    ({ candidate, error }) =>
      isMomentary(error) && eligible.includes(candidate) && readiness(candidate).state !== 'cooling-down',
  )
  return found && attempt(found.candidate, RETRY_AFTER_MS * (1 + random))
}

/**
 * The provider reported that it failed, or can't have received the request. One that may have been at work when the
 * connection broke could bill twice.
 */
function isMomentary({ code, details }: BrokerError): boolean {
  const { raw, mayRepeat, isUnsent, retryAfter, refusal, status = 503 } = details
  if (refusal === 'malformed-output') return true
  const isKnown = details.status !== undefined || raw !== undefined || mayRepeat === true
  const isServerTrouble = isKnown && status >= 500 && status !== 501
  return code === 'upstream-failed' && isServerTrouble && isUnsent !== true && retryAfter === undefined
}

/** A candidate that is available again soon enough to wait for, once in a request. */
function waitFor<C extends Candidate>(
  eligible: readonly C[],
  { history, readiness, timeLeftMs }: FallbackState<C>,
): Step<C> | undefined {
  // A request without another candidate may try an open circuit at once; waiting for it would only gather a crowd.
  const mayWaitFor = ({ reason }: Readiness): boolean => history.length > 0 || reason !== 'circuit-open'
  const count = (candidate: C): number =>
    history.filter((tried) => tried.candidate.id === candidate.id).length
  const waits = eligible
    .filter((candidate) => count(candidate) < 2 && !timedOut(candidate, history))
    .map((candidate) => ({ candidate, ...readiness(candidate) }))
    .filter(mayWaitFor)
    .filter(
      ({ state, availableInMs }) =>
        state === 'cooling-down' && availableInMs <= Math.min(MAX_WAIT_MS, timeLeftMs),
    )
    .sort((a, b) => a.availableInMs - b.availableInMs)
  const [soonest] = waits
  if (soonest === undefined || eligible.some((candidate) => count(candidate) > 1)) return undefined
  return attempt(soonest.candidate, soonest.availableInMs + TIMER_SLACK_MS)
}

function timedOut<C extends Candidate>(candidate: C, history: readonly AttemptFailure<C>[]): boolean {
  return history.some(
    ({ candidate: tried, error }) => tried.id === candidate.id && error.code === 'upstream-timeout',
  )
}

/** The failure that the caller gets: the last that came from a provider tells more than that another one cools down. */
export function reportedFailure<C>(history: readonly AttemptFailure<C>[]): AttemptFailure<C> | undefined {
  return history.findLast(({ error }) => error.details.isUnsent !== true) ?? history.at(-1)
}

/** No other attempt can help, as when the broker itself has to stop. */
export function isFinal({ code }: BrokerError): boolean {
  return ERRORS[code].fallback === 'stop'
}
