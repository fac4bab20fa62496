import { backoffMs, type BackoffLimits } from '../../base/backoff.ts'

export type CircuitState = 'closed' | 'open' | 'half-open'

/** How a request ended, as the circuit sees it. `ignored` says nothing about the endpoint: the caller left, a key was refused. */
export type CircuitOutcome = 'worked' | 'failed' | 'ignored'

/** Permission for one request. */
export interface CircuitPermit {
  /** How many times the circuit had opened. A request from before the last opening cannot fail the circuit again. */
  readonly opening: number
  /** Whether this request tests an open circuit. */
  readonly isTrial: boolean
}

/** The circuit opens after this many failures in a row … */
const MAX_FAILURES_IN_A_ROW = 3
/** … or when half of the last twenty requests failed, once ten are known. */
const WINDOW = 20
const MIN_KNOWN = 10
/**
 * How long the circuit stays open: 5, then 7 seconds. With the jitter below it is never longer than 8.4 seconds, so an
 * endpoint that gets requests at all is back within 10 seconds of its recovery.
 */
const OPEN_FOR: BackoffLimits = { firstMs: 5_000, maxMs: 7_000 }
/** Open times are lengthened by up to this share. */
const JITTER = 0.2
/** A trial without a first byte for this long no longer blocks the next trial. */
const TRIAL_MS = 7_000
/** Minimum time between trials of which nothing is known, because they were left for another endpoint. */
const RETRIAL_MS = 5_000
/** Minimum time between two requests that are forced through an open circuit. */
const FORCED_RETRY_MS = 1000

/**
 * The circuit breaker of one endpoint: closed, open for a while, half-open while one request tests the endpoint. All times
 * are monotonic milliseconds.
 */
export class CircuitBreaker {
  readonly #random: () => number
  #state: CircuitState = 'closed'
  #failuresInARow = 0
  /** Whether each of the last requests failed. */
  #recentFailures: boolean[] = []
  #openings = 0
  /** Openings without a complete response between them; they lengthen the open time. */
  #openingsInARow = 0
  /** When the circuit last opened, or the last trial was sent. */
  #triedAt = 0
  #openUntil = 0
  /** When the current trial was sent; only meaningful while half-open. */
  #trialSince = 0

  /** `random` in [0, 1) is the jitter. */
  constructor(random: () => number) {
    this.#random = random
  }

  get state(): CircuitState {
    return this.#state
  }

  /** Milliseconds until a request may be sent; 0 when it may be sent now. */
  availableInMs(now: number): number {
    if (this.#state === 'closed') return 0
    const until = this.#state === 'open' ? this.#openUntil : this.#trialSince + TRIAL_MS
    return Math.max(0, until - now)
  }

  /** Like `availableInMs`, for a request that has no other endpoint to go to: such a request may be sent once a second. */
  forcedRetryInMs(now: number): number {
    const availableInMs = this.availableInMs(now)
    return this.#state === 'half-open'
      ? availableInMs
      : Math.min(availableInMs, Math.max(0, this.#triedAt + FORCED_RETRY_MS - now))
  }

  /** Whether the next request that it gets is a trial. */
  get isOnTrial(): boolean {
    return this.#state !== 'closed'
  }

  /** Registers a request. While the circuit is open and no trial is in flight, this request is the trial. */
  acquire(now: number): CircuitPermit {
    const isTrial = this.#state !== 'closed' && this.forcedRetryInMs(now) === 0
    if (isTrial) {
      this.#state = 'half-open'
      this.#trialSince = this.#triedAt = now
    }
    return { opening: this.#openings, isTrial }
  }

  /** The response has begun. The first byte of a trial closes the circuit; it opens again if that response breaks. */
  onFirstByte({ opening, isTrial }: CircuitPermit): void {
    if (this.#state === 'closed' || !isTrial || opening !== this.#openings) return
    this.#close()
    this.#failuresInARow = MAX_FAILURES_IN_A_ROW - 1
  }

  /** Ends a permit; called once for each. */
  release({ opening, isTrial }: CircuitPermit, outcome: CircuitOutcome, now: number): void {
    if (outcome === 'worked') {
      if (this.#state !== 'closed') this.#close()
      this.#recordSuccess()
    } else if (opening !== this.#openings) return
    else if (outcome === 'ignored') {
      if (this.#state !== 'half-open') return
      this.#state = 'open'
      if (isTrial) this.#openUntil = this.#trialSince + RETRIAL_MS
    } else if (this.#state === 'closed') this.#recordFailure(now)
    else if (isTrial) this.#open(now)
  }

  #open(now: number): void {
    const openMs = backoffMs(OPEN_FOR, ++this.#openingsInARow)
    this.#state = 'open'
    this.#openings++
    this.#triedAt = now
    this.#openUntil = now + openMs * (1 + JITTER * this.#random())
  }

  #close(): void {
    this.#state = 'closed'
    this.#recentFailures = []
  }

  #recordSuccess(): void {
    this.#failuresInARow = 0
    this.#openingsInARow = 0
    this.#remember(false)
  }

  #recordFailure(now: number): void {
    this.#failuresInARow++
    this.#remember(true)
    if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW || this.#failsHalfTheTime()) this.#open(now)
  }

  #remember(hasFailed: boolean): void {
    this.#recentFailures.push(hasFailed)
    if (this.#recentFailures.length > WINDOW) this.#recentFailures.shift()
  }

  #failsHalfTheTime(): boolean {
    const known = this.#recentFailures.length
    return known >= MIN_KNOWN && this.#recentFailures.filter(Boolean).length * 2 >= known
  }
}
