import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Pass } from '../health/circuit-breaker.ts'
import type { EndpointHealth } from '../health/endpoint-health.ts'
import type { KeyPool, Lease } from '../keys/key-pool.ts'
import type { Question } from '../provider.ts'
import type { TimeLimits, Watch, Watched } from '../transport/timeouts.ts'

export interface VisitParts {
  readonly question: Question
  readonly owner: VisitOwner
  readonly lease: Lease
  readonly pass: Pass
  readonly keys: KeyPool
  readonly endpoint: EndpointHealth
  readonly watch: Watch
  readonly limits: TimeLimits
  readonly clock: Clock
  /** Its failures are nobody's memory. */
  readonly isForgiving: boolean
}

/** Who is told that time is up. */
export interface VisitOwner {
  /** The provider has been silent for too long. */
  late(error: BrokerError): void
  /** The answer is whole, only its end mark doesn't come. */
  lingers(): void
}

/** One question's stay at a provider: its key, its place in the circuit, its time limits, and what the books learn of it. */
export class Visit implements Watched {
  place = -1
  readonly #parts: VisitParts
  #sentAt: number | undefined
  #hasHeaders = false
  #isPaused = false
  /** The first word of a stream, the first byte of a plain answer. */
  #firstAt: number | undefined
  #lastAt = 0
  /** Since when nothing more is expected but the end. */
  #doneAt: number | undefined
  #isJudged = false
  #isOver = false

  constructor(parts: VisitParts) {
    this.#parts = parts
    parts.watch.add(this)
  }

  get lease(): Lease {
    return this.#parts.lease
  }

  sent(): void {
    this.#sentAt = this.#parts.clock.monotonic()
  }

  heardHeaders(): void {
    this.#hasHeaders = true
  }

  heardBytes(): void {
    this.#lastAt = this.#parts.clock.monotonic()
    if (this.#firstAt === undefined && !this.#parts.question.streamed) this.#begin()
  }

  /** A word of the answer, not only a promise of one. */
  spoke(): void {
    if (this.#firstAt === undefined) this.#begin()
  }

  #begin(): void {
    this.#firstAt = this.#parts.clock.monotonic()
    this.#parts.endpoint.breaker.began(this.#parts.pass)
  }

  /** Every choice has its finish reason: usage and an end mark may still come, but not for long. */
  finishedSpeaking(): void {
    this.#doneAt ??= this.#parts.clock.monotonic()
  }

  /** While the caller is slow the provider's silence is our doing. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#lastAt = this.#parts.clock.monotonic()
  }

  /** The answer is whole. */
  answered(): void {
    if (this.#isJudged) return
    this.#judge()
    const { keys, lease, endpoint, pass, clock } = this.#parts
    keys.answered(lease)
    endpoint.breaker.leave(pass, 'worked', clock.monotonic())
  }

  failed(error: BrokerError): void {
    if (this.#isJudged) return
    this.#judge()
    const { keys, lease, endpoint, pass, clock, isForgiving } = this.#parts
    const outcome = isForgiving ? 'neither' : outcomeOf(error)
    endpoint.breaker.leave(pass, outcome, clock.monotonic())
    if (!isForgiving) keys.failed(lease, error)
  }

  /** Events that were no JSON. */
  skipped(events: number): void {
    this.#parts.endpoint.malformedEvents += events
  }

  #judge(): void {
    this.#isJudged = true
    this.#doneAt ??= this.#parts.clock.monotonic()
  }

  /** The connection is ours no more; called exactly once by whoever entered. A visit that ends unjudged says nothing of the endpoint. */
  leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { watch, keys, lease, endpoint, pass, clock } = this.#parts
    watch.delete(this)
    keys.release(lease)
    if (!this.#isJudged) endpoint.breaker.leave(pass, 'neither', clock.monotonic())
    this.#isJudged = true
  }

  check(now: number): void {
    const { limits, owner, question } = this.#parts
    if (this.#doneAt !== undefined) {
      if (now - this.#doneAt >= limits.lingerMs) owner.lingers()
      return
    }
    const isPastDeadline = question.deadlineAt !== undefined && now >= question.deadlineAt
    const limit = isPastDeadline ? 'whole_request' : this.#overrun(now)
    if (limit !== undefined) owner.late(timeout(limit, limits))
  }

  /** Which limit the provider's silence has passed. */
  #overrun(now: number): LimitName | undefined {
    const { limits, question } = this.#parts
    if (this.#sentAt === undefined || this.#isPaused) return undefined
    const asked = now - this.#sentAt
    if (this.#firstAt !== undefined) return now - this.#lastAt >= limits.gapMs ? 'gap' : undefined
    if (!question.streamed) return asked >= limits.answerMs ? 'answer' : undefined
    if (!this.#hasHeaders && asked >= limits.headersMs) return 'headers'
    return asked >= limits.firstTokenMs ? 'first_token' : undefined
  }
}

type LimitName = 'headers' | 'first_token' | 'gap' | 'answer' | 'whole_request'

const LATENESS: Readonly<Record<LimitName, { readonly limit: keyof TimeLimits; readonly what: string }>> = {
  headers: { limit: 'headersMs', what: 'the provider did not begin to answer' },
  first_token: { limit: 'firstTokenMs', what: 'the provider did not say a word' },
  gap: { limit: 'gapMs', what: 'the provider fell silent in the middle of its answer: nothing came' },
  answer: { limit: 'answerMs', what: 'the provider did not answer' },
  whole_request: { limit: 'wholeMs', what: 'the request was not done' },
}

function timeout(name: LimitName, limits: TimeLimits): BrokerError {
  const { limit, what } = LATENESS[name]
  return new BrokerError('upstream-timeout', `${what} within ${limits[limit] / 1000} s`, {
    details: { metadata: { time_limit: name } },
  })
}

/** A refusal, a limit or a bad key says nothing of whether the endpoint works. */
function outcomeOf({ code, details }: BrokerError): 'failed' | 'neither' {
  if (code === 'upstream-busy') return details.status === 429 ? 'neither' : 'failed'
  return code === 'upstream-failed' || code === 'upstream-timeout' ? 'failed' : 'neither'
}
