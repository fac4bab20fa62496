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
/** A request repeats attempts at endpoints that it has tried before so many times at most, and each endpoint's once. */
const MAX_RETRIES = 2
/** The maximum wait for a provider that stated when it will be available again. */
const MAX_WAIT_MS = 5_000
/** A key cools down for up to a tenth longer than its provider stated, so that many brokers do not return at once. */
const MAX_WAIT_WITH_JITTER_MS = 1.1 * MAX_WAIT_MS
/** Timers may fire a little early by another clock. */
const TIMER_SLACK_MS = 10
const RETRY_AFTER_MS = 250

const STOP = { type: 'stop' } as const

/**
 * What to do next. In this order: the same endpoint with another key, when only the key was the cause; the same endpoint
 * again, once, when its failure has probably passed in a moment; the next available candidate; a degraded one; an earlier
 * endpoint again, once; one that is available again within a few seconds; without any of these, one whose circuit is open,
 * which is retried now and then. Never a candidate that would only repeat a known refusal.
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
  const again = last === undefined ? undefined : retryLast(last, eligible, state)
  if (again !== undefined) return again
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
    // What was not sent is refused by this provider alone.
    const isOfModel = error.details.isUnsent !== true && candidate.model === failed.model
    if (rule === 'other-model') return candidate.id === failed.id || isOfModel
    if (rule === 'larger') return (candidate.contextWindow ?? 0) <= (failed.contextWindow ?? 0)
    return false
  })
}

function isKeyFailure({ code, details }: BrokerError): boolean {
  const { status = 429, isUnsent, refusal } = details
  const isLimit = status === 429 || refusal === 'rate-limited'
  return code === 'upstream-denied' || (code === 'upstream-busy' && isLimit && isUnsent !== true)
}

/**
 * The endpoint that has just failed, before any other: its prompt cache is warm and its model is the caller's first choice.
 * At once after a kept connection that was closed; after a moment when it reported a failure of its own; after its
 * `Retry-After` when that is short.
 */
function retryLast<C extends Candidate>(
  { candidate, error }: AttemptFailure<C>,
  eligible: readonly C[],
  state: FallbackState<C>,
): Step<C> | undefined {
  if (!eligible.includes(candidate) || !mayRetry(candidate, state.history)) return undefined
  const { state: readiness, availableInMs, reason } = state.readiness(candidate)
  const { retryAfter, isStale, isUnsent } = error.details
  if (isUnsent === true || reason === 'circuit-open') return undefined
  if (isStale === true) return readiness === 'cooling-down' ? undefined : attempt(candidate)
  if (retryAfter === undefined || !isBusy(error)) {
    // A provider that can't be reached is down for longer than a moment.
    const mayPass = error.details.status !== undefined && isMomentary(error)
    return mayPass && readiness !== 'cooling-down' ? momentary(candidate, state) : undefined
  }
  const waitMs = Math.max(retryAfter * 1000, availableInMs, RETRY_AFTER_MS)
  return waitMs <= longestWaitMs(state) ? attempt(candidate, waitMs + TIMER_SLACK_MS) : undefined
}

/** The provider asked for a pause: it limits us, or it is overloaded. */
function isBusy({ code, details: { status = 0 } }: BrokerError): boolean {
  return code === 'upstream-busy' || (code === 'upstream-failed' && status >= 500)
}

function momentary<C>(candidate: C, { random, timeLeftMs }: FallbackState<C>): Step<C> | undefined {
  const waitMs = RETRY_AFTER_MS * (1 + random)
  return waitMs < timeLeftMs ? attempt(candidate, waitMs) : undefined
}

function longestWaitMs({ timeLeftMs }: Pick<FallbackState<unknown>, 'timeLeftMs'>): number {
  return Math.min(MAX_WAIT_WITH_JITTER_MS, timeLeftMs - TIMER_SLACK_MS)
}

function mayRetry(candidate: Candidate, history: readonly AttemptFailure<Candidate>[]): boolean {
  // A broker above has done what it could, with retries of its own.
  if (
    history.some(
      ({ candidate: tried, error }) => tried.id === candidate.id && error.details.attempts !== undefined,
    )
  )
    return false
  const ids = history.map(({ candidate: tried }) => tried.id)
  const retries = ids.length - new Set(ids).size
  return retries < MAX_RETRIES && ids.filter((id) => id === candidate.id).length < 2
}

/** An earlier endpoint again: only after a failure that may be momentary. Never after a timeout, which took long enough. */
function retrySame<C extends Candidate>(
  eligible: readonly C[],
  state: FallbackState<C>,
): Step<C> | undefined {
  const { history, readiness } = state
  const found = history.find(
    ({ candidate, error }) =>
      isMomentary(error) &&
      eligible.includes(candidate) &&
      mayRetry(candidate, history) &&
      readiness(candidate).state !== 'cooling-down',
  )
  return found && momentary(found.candidate, state)
}

/**
 * The provider reported that it failed, or can't have received the request. One that may have been at work when the
 * connection broke could bill twice.
 */
function isMomentary({ code, details }: BrokerError): boolean {
  const { raw, mayRepeat, isUnsent, retryAfter, refusal, status = 503 } = details
  // The second attempt is made without the thoughts.
  if (refusal === 'malformed-output' || refusal === 'foreign-thinking') return true
  const isKnown = details.status !== undefined || raw !== undefined || mayRepeat === true
  const isServerTrouble = isKnown && status >= 500 && status !== 501
  const isFailure = code === 'upstream-failed' || (code === 'upstream-busy' && status !== 429)
  return isFailure && isServerTrouble && isUnsent !== true && retryAfter === undefined
}

/** A candidate that is available again soon enough to wait for. */
function waitFor<C extends Candidate>(eligible: readonly C[], state: FallbackState<C>): Step<C> | undefined {
  const { history, readiness } = state
  // A request without another candidate may try an open circuit at once; waiting for it would only gather a crowd.
  const mayWaitFor = ({ reason }: Readiness): boolean => history.length > 0 || reason !== 'circuit-open'
  const waits = eligible
    .filter((candidate) => mayRetry(candidate, history) && !timedOut(candidate, history))
    .map((candidate) => ({ candidate, ...readiness(candidate) }))
    .filter(mayWaitFor)
    .filter((each) => each.state === 'cooling-down' && each.availableInMs <= longestWaitMs(state))
    .sort((a, b) => a.availableInMs - b.availableInMs)
  const [soonest] = waits
  if (soonest === undefined) return undefined
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
