/** What a breaker knows of one endpoint. Moments are monotonic milliseconds. */
export interface Breaker {
  /** Milliseconds until it may be asked; 0 when it may be now. */
  restMs(now: number): number
  /** The same for a request that has nobody else to go to: it may find out sooner, one in a second. */
  insistMs(now: number): number
  /** A request goes out. While the circuit is open and no other one is finding out, it is the one that does. */
  enter(now: number): Pass
  /** The trial has begun to be answered: the circuit closes, and opens again should that answer break. */
  began(pass: Pass): void
  /** Every pass ends in one of these, once. `neither` for what says nothing of the endpoint: a caller who left, a refused key. */
  leave(pass: Pass, outcome: 'worked' | 'failed' | 'neither', now: number): void
  readonly state: BreakerState
}

export type BreakerState = 'closed' | 'open' | 'half-open'

/** Permission for one request. A number of the circuit's openings: what was sent before the last one can't close it. */
export interface Pass {
  readonly opening: number
  readonly isTrial: boolean
}

/** Opens after so many failures in a row … */
const IN_A_ROW = 3
/** … or when half of the last twenty failed, and at least ten are known. */
const WINDOW = 20
const LEAST_KNOWN = 10
/**
 * Rests of an open circuit, in turn; the last one repeats. With the jitter below none is longer than 25 seconds, so an
 * endpoint that is asked at all is back within 30 of its recovery.
 */
const RESTS_MS = [5_000, 10_000, 20_000] as const
const JITTER = 0.25
/** A trial that has heard nothing for so long doesn't keep the next one waiting. */
const TRIAL_MS = 10_000

/** Least time between two requests that have nobody else to go to. */
const INSIST_MS = 1000

/** A circuit breaker: closed, open for a while, half-open for one request. `random` in [0, 1) is its jitter. */
export function createBreaker(random: () => number): Breaker {
  let isOpen = false
  let failures = 0
  let recent: boolean[] = []
  /** Openings without a whole answer between them; they lengthen the rest. */
  let opened = 0
  let openings = 0
  /** When it was last found to fail, or a request went to find out. */
  let triedAt = 0
  let until = 0
  let trialSince: number | undefined

  function open(now: number): void {
    const rest = RESTS_MS[Math.min(opened, RESTS_MS.length - 1)] ?? 0
    isOpen = true
    opened++
    openings++
    triedAt = now
    until = now + rest * (1 + JITTER * random())
    trialSince = undefined
  }

  function close(): void {
    isOpen = false
    trialSince = undefined
    recent = []
  }

  function restMs(now: number): number {
    if (!isOpen) return 0
    return Math.max(0, (trialSince === undefined ? until : trialSince + TRIAL_MS) - now)
  }

  function insistMs(now: number): number {
    const restLeftMs = restMs(now)
    return trialSince === undefined
      ? Math.min(restLeftMs, Math.max(0, triedAt + INSIST_MS - now))
      : restLeftMs
  }

  function count(hasFailed: boolean, now: number): void {
    failures = hasFailed ? failures + 1 : 0
    if (!hasFailed) opened = 0
    recent.push(hasFailed)
    if (recent.length > WINDOW) recent.shift()
    if (hasFailed && isTooMuch(failures, recent)) open(now)
  }

  return {
    get state() {
      if (!isOpen) return 'closed'
      return trialSince === undefined ? 'open' : 'half-open'
    },
    restMs,
    insistMs,
    enter(now) {
      const isTrial = isOpen && insistMs(now) === 0
      if (isTrial) trialSince = triedAt = now
      return { opening: openings, isTrial }
    },
    began(pass) {
      if (!isOpen || !pass.isTrial || pass.opening !== openings) return
      close()
      failures = IN_A_ROW - 1
    },
    leave(pass, outcome, now) {
      const isOld = pass.opening !== openings
      if (outcome === 'worked' && isOpen) close()
      if (outcome === 'worked') count(false, now)
      else if (isOld) return
      else if (outcome === 'neither') trialSince = undefined
      else if (!isOpen) count(true, now)
      else if (pass.isTrial) open(now)
    },
  }
}

function isTooMuch(inARow: number, recent: readonly boolean[]): boolean {
  if (inARow >= IN_A_ROW) return true
  const failed = recent.filter(Boolean).length
  return recent.length >= LEAST_KNOWN && failed * 2 >= recent.length
}
