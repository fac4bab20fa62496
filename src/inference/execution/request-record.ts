import type { Clock } from '../../base/clock.ts'
import { isPending } from '../../base/pending.ts'
import { ZERO, type Money } from '../../base/money.ts'
import type { TokenCounter } from '../usage/token-counter.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { isUnbilled } from '../../providers/errors/unbilled.ts'
import { costOf } from '../../ledger/cost.ts'
import { OUTRUN, type EntryStatus, type FailedAttempt, type Settlement } from '../../ledger/types.ts'
import {
  addAttemptCosts,
  addUndelivered,
  costSoFar,
  isUsageKnown,
  lacksCharge,
  NO_COST,
  settledCostOf,
  type ChargingAttempt,
  type AttemptCost,
} from '../cost/attempt-cost.ts'

/**
 * What happens to a request. Each attempt goes through these events, from left to right, and leaves them at any point by one
 * of the second line:
 *
 *     started → first-chunk → delivering → finished | exhausted
 *             ↘ failed | outrun | caller-left
 *
 * `resumed` precedes the `started` of an attempt that resumes a broken stream. `caller-left` without an attempt comes
 * between two attempts, or before the first. `request-failed` is the last event of a request that ends in an error.
 */
export type RequestEvent =
  | { readonly type: 'started' }
  /** The first piece of a response is there, so that this endpoint charges for it, whatever follows. May come again. */
  | { readonly type: 'first-chunk'; readonly attempt: ChargingAttempt }
  /** The caller gets the response of this attempt from now on. It implies `first-chunk`, which need not come before it. */
  | { readonly type: 'delivering'; readonly attempt: ChargingAttempt }
  | { readonly type: 'finished' }
  /** The budget was used up, so that the response was cut short. */
  | { readonly type: 'exhausted'; readonly reason: string }
  | {
      readonly type: 'failed'
      readonly attempt: ChargingAttempt
      readonly error: BrokerError
      readonly ms: number
    }
  /** Another endpoint sent its first chunk before, or the caller left while this one ran beside another. */
  | { readonly type: 'outrun'; readonly attempt: ChargingAttempt; readonly ms: number }
  | { readonly type: 'caller-left'; readonly attempt?: ChargingAttempt }
  | { readonly type: 'resumed' }
  /** The attempt that begins is one at a broker above. */
  | { readonly type: 'at-mother' }
  | { readonly type: 'request-failed'; readonly error: BrokerError }

/** The events without data are the same objects for all requests. */
export const STARTED: RequestEvent = { type: 'started' }
export const FINISHED: RequestEvent = { type: 'finished' }
export const RESUMED: RequestEvent = { type: 'resumed' }
export const AT_MOTHER: RequestEvent = { type: 'at-mother' }
/** The caller left between two attempts, or before the first. */
export const CALLER_LEFT: RequestEvent = { type: 'caller-left' }

type FailedEvent = Extract<RequestEvent, { readonly type: 'failed' }>

/** Everything that the ledger needs to know of a request, gathered while it runs. */
export class RequestRecord {
  readonly #clock: Clock
  readonly #priceVersion: string
  readonly #startedAt: number
  readonly #failed: FailedAttempt[] = []
  readonly #errors: BrokerError[] = []
  /** The attempts that charge for a part of the response. */
  readonly #parts: ChargingAttempt[] = []
  /** The attempts that ran beside them and were not delivered. */
  readonly #outrun: ChargingAttempt[] = []
  /** The attempts that had the request and failed without a chunk: they may be billed all the same. */
  readonly #silent: ChargingAttempt[] = []
  #delivering: ChargingAttempt | undefined
  /** The failure of a stream that the caller has seen a part of: a failed attempt only once it is resumed. */
  #broken: FailedEvent | undefined
  #status: EntryStatus = 'failed'
  #error: BrokerError | undefined
  #firstTokenMs: number | undefined
  #flag: string | undefined
  #started = 0
  /** An attempt was sent to a broker above. */
  #hasMother = false

  constructor(clock: Clock, priceVersion: string) {
    this.#clock = clock
    this.#priceVersion = priceVersion
    this.#startedAt = clock.monotonic()
  }

  /** The attempts that failed, in their order. */
  get attempts(): readonly FailedAttempt[] {
    return this.#failed
  }

  /** Why each of them failed. */
  get errors(): readonly BrokerError[] {
    return this.#errors
  }

  /** The endpoint whose response the caller gets, or that charged first. */
  get responding(): Endpoint | undefined {
    return this.#responder?.endpoint
  }

  get #responder(): ChargingAttempt | undefined {
    return this.#delivering ?? this.#parts[0]
  }

  /** Milliseconds since the start. */
  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startedAt
  }

  add(event: RequestEvent): void {
    switch (event.type) {
      case 'started':
        this.#started++
        return
      case 'first-chunk':
        return this.#firstChunk(event.attempt)
      case 'delivering':
        this.#firstChunk(event.attempt)
        this.#delivering = event.attempt
        return
      case 'finished':
        this.#status = 'finished'
        this.#error = undefined
        return
      case 'exhausted':
        this.#status = 'exhausted'
        this.#flag = event.reason
        return
      case 'failed':
        return this.#attemptFailed(event)
      case 'outrun':
        return this.#attemptOutrun(event.attempt, event.ms)
      case 'caller-left':
        this.#status = 'cancelled'
        // An endpoint that was sent the request may bill for the prompt, although it hasn't responded.
        if (event.attempt?.isUnsent === false) this.#charge(event.attempt)
        return
      case 'at-mother':
        this.#hasMother = true
        return
      case 'resumed':
        if (this.#broken !== undefined) this.#note(this.#broken, true)
        this.#broken = undefined
        return
      case 'request-failed':
        return this.#requestFailed(event.error)
    }
  }

  #firstChunk(attempt: ChargingAttempt): void {
    this.#charge(attempt)
    this.#firstTokenMs ??= this.elapsedMs
  }

  #charge(attempt: ChargingAttempt): void {
    if (!this.#parts.includes(attempt)) this.#parts.push(attempt)
  }

  #attemptFailed(event: FailedEvent): void {
    const { attempt, error } = event
    if (attempt === this.#delivering) {
      this.#requestFailed(error)
      this.#broken = event
    } else if (error.details.isUnsent === true) {
      // The provider is cooling down, so that the request was not sent.
      this.#started--
    } else {
      const gavePart = this.#parts.includes(attempt)
      this.#note(event, gavePart)
      if (!gavePart && !attempt.isUnsent && !isUnbilled(error)) this.#silent.push(attempt)
    }
  }

  #note({ attempt, error, ms }: FailedEvent, gavePart: boolean): void {
    this.#errors.push(error)
    this.#failed.push({
      endpoint: attempt.endpoint.id,
      code: error.code,
      status: error.details.status,
      ms: Math.round(ms),
      ...(gavePart ? { gavePart } : {}),
    })
  }

  #attemptOutrun(attempt: ChargingAttempt, ms: number): void {
    if (!attempt.isUnsent) this.#outrun.push(attempt)
    this.#errors.push(new BrokerError('upstream-timeout', 'another endpoint sent its first chunk before'))
    this.#failed.push({ endpoint: attempt.endpoint.id, code: OUTRUN, status: undefined, ms: Math.round(ms) })
  }

  #requestFailed(error: BrokerError): void {
    this.#error = error
    if (this.#status !== 'cancelled' && this.#status !== 'exhausted')
      this.#status = this.#firstTokenMs === undefined ? 'failed' : 'broken'
  }

  /** The cost of all parts so far; what is known of the last one may still grow. */
  cost(): AttemptCost {
    return addAttemptCosts(this.#parts.map(costSoFar))
  }

  /** The cost so far, with what the attempts without a chunk and the undelivered ones may be billed. */
  maxCostSoFar(): AttemptCost {
    const soFar = this.#parts.length === 0 ? FREE : this.cost()
    const silent = [...this.#silent, ...this.#outrun]
    return silent.length === 0 ? soFar : withSilent(soFar, silent)
  }

  /** An attempt may have to be paid. */
  get mayOwe(): boolean {
    return this.#parts.length > 0 || this.#silent.length > 0 || this.#outrun.length > 0
  }

  /** More than one attempt may have to be paid. */
  get mayOweOthers(): boolean {
    return this.#parts.length > 1 || this.#silent.length > 0 || this.#outrun.length > 0
  }

  /** Why the response broke off, or the last attempt failed. */
  get lastError(): BrokerError | undefined {
    return this.#error ?? this.#errors.at(-1)
  }

  /** Brokers above have to be asked what attempts cost. */
  get lacksCharges(): boolean {
    return this.#hasMother && this.#charging.some(lacksCharge)
  }

  get #charging(): readonly ChargingAttempt[] {
    return [...this.#parts, ...this.#silent, ...this.#outrun]
  }

  /**
   * At once, unless the tokens of a response without reported usage have to be counted, or a broker above has to be asked what
   * it charges.
   */
  settlement(counter: TokenCounter | undefined): Settlement | Promise<Settlement> {
    const durationMs = this.elapsedMs
    if (!this.lacksCharges) return this.#settlementAfter(durationMs, counter)
    const asked = this.#charging.filter(lacksCharge).map(async (attempt) => attempt.learnCharge?.())
    return Promise.all(asked).then(() => this.#settlementAfter(durationMs, counter))
  }

  #settlementAfter(durationMs: number, counter: TokenCounter | undefined): Settlement | Promise<Settlement> {
    const parts = this.#settledParts(counter)
    return isPending(parts)
      ? parts.then((cost) => this.#settlementOf(this.#withUndelivered(cost), durationMs))
      : this.#settlementOf(this.#withUndelivered(parts), durationMs)
  }

  #settlementOf(bill: AttemptCost, durationMs: number): Settlement {
    const responder = this.#responder
    return {
      status: this.#status,
      endpoint: responder?.endpoint.id,
      provider: responder?.endpoint.provider,
      model: responder?.endpoint.model,
      attempts: this.#failed,
      attemptCount: this.#started,
      usage: bill.usage,
      countSource: bill.countSource,
      cost: bill.cost,
      costLow: bill.costLow,
      costHigh: bill.costHigh,
      costSource: bill.costSource,
      upstreamCost: bill.upstreamCost,
      listCost: this.#hasMother ? listCostOf(bill, responder?.endpoint) : undefined,
      flag: bill.flag ?? this.#flag ?? (this.#parts.length === 1 ? overlong(this.#parts[0]) : undefined),
      priceVersion: this.#priceVersion,
      finishReason: this.#status === 'exhausted' ? 'length' : responder?.meter.finishReason,
      error: this.#error === undefined ? undefined : `${this.#error.code}: ${this.#error.message}`,
      firstTokenMs: this.#firstTokenMs,
      durationMs,
    }
  }

  #withUndelivered(parts: AttemptCost): AttemptCost {
    const bill = this.#withOutrun(parts)
    const silent = this.#allSilent()
    return silent.length === 0 ? bill : withSilent(bill, silent)
  }

  /** An endpoint that was left for another one and drained has reported its usage. */
  #withOutrun(bill: AttemptCost): AttemptCost {
    if (this.#outrun.length === 0 && !this.#hasMother) return bill
    const known = [...this.#outrun, ...this.#silent].filter(isUsageKnown)
    return known.length === 0 ? bill : addUndelivered(bill, known.map(costSoFar))
  }

  #allSilent(): readonly ChargingAttempt[] {
    if (this.#outrun.length === 0 && !this.#hasMother) return this.#silent
    return [...this.#silent, ...this.#outrun].filter((attempt) => !isUsageKnown(attempt))
  }

  #settledParts(counter: TokenCounter | undefined): AttemptCost | Promise<AttemptCost> {
    if (this.#parts.length === 0) return FREE
    // A response of several parts was delivered with its cost, and the ledger must state the same.
    if (this.#parts.length > 1 && this.#status === 'finished') return this.cost()
    const [only] = this.#parts
    if (only !== undefined && this.#parts.length === 1) return settledCostOf(only, counter)
    return Promise.all(this.#parts.map(async (part) => settledCostOf(part, counter))).then(addAttemptCosts)
  }
}

/** What to flag of a response that has more tokens than the provider was asked for. */
function overlong(attempt: ChargingAttempt | undefined): string | undefined {
  const completion = attempt?.meter.reported?.completion
  if (attempt === undefined || completion === undefined) return undefined
  const { max_completion_tokens: max = null, max_tokens: legacyMax } = attempt.body.value
  const perChoice = max ?? legacyMax
  if (typeof perChoice !== 'number') return undefined
  const asked = perChoice * (attempt.granted.request.n ?? 1)
  if (completion <= asked) return undefined
  return `the provider reported ${completion} completion tokens, and was asked for ${asked} at most`
}

/** What a response costs by our own price; `undefined` when its usage or the price is unknown. */
function listCostOf({ usage }: AttemptCost, endpoint: Endpoint | undefined): Money | undefined {
  return usage === undefined || endpoint?.price === undefined ? undefined : costOf(usage, endpoint.price)
}

/** The cost of a refusal: no provider charges for it. */
const FREE: AttemptCost = { ...NO_COST, cost: ZERO }

/** Whether these attempts are billed is unknown, so that they are in the upper bound alone. Without a response the cost is unknown. */
function withSilent(bill: AttemptCost, silent: readonly ChargingAttempt[]): AttemptCost {
  const { cost, costHigh } = addAttemptCosts([bill, ...silent.map((each) => maxOf(costSoFar(each)))])
  return {
    ...bill,
    cost: bill.usage === undefined ? undefined : bill.cost,
    costLow: bill.costLow ?? bill.cost,
    costHigh: costHigh ?? cost,
  }
}

function maxOf({ cost, costHigh }: AttemptCost): AttemptCost {
  return { ...NO_COST, cost: costHigh ?? cost }
}
