import type { Clock } from '../../base/clock.ts'
import { NOTHING, type Money } from '../../base/money.ts'
import type { TokenCounter } from '../usage/token-counter.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { OUTRUN, type EntryStatus, type FailedAttempt, type Settlement } from '../../ledger/types.ts'
import {
  addBills,
  addCosts,
  billOf,
  NO_BILL,
  settledBillOf,
  type Answering,
  type Bill,
} from '../cost/attempt-cost.ts'

/** Everything that the ledger will want to know of a request, gathered while it runs. */
export class AnswerRecord {
  readonly #clock: Clock
  readonly #priceVersion: string
  readonly #startedAt: number
  readonly #attempts: FailedAttempt[] = []
  readonly #errors: BrokerError[] = []
  /** Everybody who is paid for a part of the answer. */
  readonly #parts: Answering[] = []
  /** Those that were asked beside them and not heard. */
  readonly #outrun: Answering[] = []
  #answering: Answering | undefined
  #brokenOff: (() => void) | undefined
  #status: EntryStatus = 'failed'
  #error: BrokerError | undefined
  #firstTokenMs: number | undefined
  #flag: string | undefined
  #asked = 0
  /** Had the request and failed without a word: they may bill for it all the same. */
  readonly #silent: Answering[] = []

  constructor(clock: Clock, priceVersion: string) {
    this.#clock = clock
    this.#priceVersion = priceVersion
    this.#startedAt = clock.monotonic()
  }

  get attempts(): readonly FailedAttempt[] {
    return this.#attempts
  }

  /** The endpoint that began to answer. */
  get answering(): Endpoint | undefined {
    return this.#answering?.endpoint
  }

  /** Why each failed attempt failed, in their order. */
  get errors(): readonly BrokerError[] {
    return this.#errors
  }

  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startedAt
  }

  /** An attempt begins. */
  asks(): void {
    this.#asked++
  }

  /** The attempt that began was none: the provider rests. */
  wasNotAsked(): void {
    this.#asked--
  }

  /** An attempt that the caller saw nothing of. */
  missed(answering: Answering, error: BrokerError, ms: number): void {
    const gavePart = this.#isOnTheBill(answering)
    this.#note(answering.endpoint, error, ms, gavePart)
    if (!gavePart && !isUnbilled(error)) this.#silent.push(answering)
  }

  #isOnTheBill({ meter }: Answering): boolean {
    return this.#parts.some((part) => part.meter === meter)
  }

  #note(endpoint: Endpoint, error: BrokerError, ms: number, gavePart: boolean): void {
    this.#errors.push(error)
    const { status } = error.details
    this.#attempts.push({
      endpoint: endpoint.id,
      code: error.code,
      status,
      ms: Math.round(ms),
      ...(gavePart ? { gavePart } : {}),
    })
  }

  /** The first piece of an answer is there: this endpoint is paid, whatever becomes of it. */
  began(answering: Answering): void {
    this.#parts.push(answering)
    this.#answering ??= answering
    this.#firstTokenMs ??= this.elapsedMs
  }

  /** The caller hears this endpoint from now on: it brings another one's answer to its end. */
  tookOver(answering: Answering): void {
    this.#answering = answering
  }

  finished(): void {
    this.#status = 'finished'
    this.#error = undefined
  }

  /** The caller left; an endpoint that was asked and hadn't answered may bill for the prompt all the same. */
  left(answering: Answering): void {
    this.gone()
    this.#answering ??= answering
    if (!this.#isOnTheBill(answering)) this.#parts.push(answering)
  }

  /** Another endpoint spoke first, or the caller left while this one was being asked beside another. */
  outrun(answering: Answering, ms: number): void {
    this.#outrun.push(answering)
    this.#errors.push(new BrokerError('upstream-timeout', 'another endpoint spoke first'))
    this.#attempts.push({
      endpoint: answering.endpoint.id,
      code: OUTRUN,
      status: undefined,
      ms: Math.round(ms),
    })
  }

  /** The caller left while nobody was being asked. */
  gone(): void {
    this.#status = 'cancelled'
  }

  /** The hold was used up and the answer ended there. */
  exhausted(reason: string): void {
    this.#status = 'exhausted'
    this.#flag = reason
  }

  broke(error: BrokerError): void {
    this.#error = error
    if (this.#status !== 'cancelled' && this.#status !== 'exhausted')
      this.#status = this.#firstTokenMs === undefined ? 'failed' : 'broken'
  }

  /** An answer that the caller saw a part of broke off. */
  brokeOff(endpoint: Endpoint, error: BrokerError, ms: number): void {
    this.broke(error)
    this.#brokenOff = () => this.#note(endpoint, error, ms, true)
  }

  /** Somebody else is asked to bring the broken answer to its end, so that it was not the last attempt. */
  handOn(): void {
    this.#brokenOff?.()
    this.#brokenOff = undefined
  }

  /** Of all parts so far; what is known of the last one may still grow. */
  bill(): Bill {
    return addBills(this.#parts.map(billOf))
  }

  /** The same, with what those may bill that said nothing. */
  mostSoFar(): Bill {
    const soFar = this.#parts.length === 0 ? FREE : this.bill()
    return withSilent(soFar, [...this.#silent, ...this.#outrun])
  }

  /** Somebody may bill already. */
  get mayOwe(): boolean {
    return this.#parts.length > 0 || this.#silent.length > 0 || this.#outrun.length > 0
  }

  /** Why the answer broke off, or the last attempt failed. */
  get lastError(): BrokerError | undefined {
    return this.#error ?? this.#errors.at(-1)
  }

  /** Counts what no provider did, which may take a moment; at once when there is nothing to count. */
  settlement(held: Money | undefined, counter: TokenCounter | undefined): Settlement | Promise<Settlement> {
    const durationMs = this.elapsedMs
    const bill = this.#settledBill(held, counter)
    return bill instanceof Promise
      ? bill.then((counted) => this.#settlementOf(counted, durationMs))
      : this.#settlementOf(bill, durationMs)
  }

  #settlementOf(bill: Bill, durationMs: number): Settlement {
    const answering = this.#answering
    return {
      status: this.#status,
      endpoint: answering?.endpoint.id,
      provider: answering?.endpoint.provider,
      model: answering?.endpoint.model,
      attempts: this.#attempts,
      asked: this.#asked,
      usage: bill.usage,
      countSource: bill.countSource,
      cost: bill.cost,
      costLow: bill.costLow,
      costHigh: bill.costHigh,
      costSource: bill.costSource,
      upstreamCost: bill.upstreamCost,
      flag: bill.flag ?? this.#flag,
      priceVersion: this.#priceVersion,
      finishReason: this.#status === 'exhausted' ? 'length' : answering?.meter.finishReason,
      error: this.#error === undefined ? undefined : `${this.#error.code}: ${this.#error.message}`,
      firstTokenMs: this.#firstTokenMs,
      durationMs,
    }
  }

  #settledBill(held: Money | undefined, counter: TokenCounter | undefined): Bill | Promise<Bill> {
    const bill = this.#partsBill(held, counter)
    return bill instanceof Promise ? bill.then((parts) => this.#wholeBill(parts)) : this.#wholeBill(bill)
  }

  #wholeBill(parts: Bill): Bill {
    const bill = this.#withOutrun(parts)
    const silent = this.#saidNothing()
    return silent.length === 0 ? bill : withSilent(bill, silent)
  }

  /** An endpoint that was left for another one and read to its end said what it counted. */
  #withOutrun(bill: Bill): Bill {
    if (this.#outrun.length === 0) return bill
    const known = this.#outrun.filter(({ meter }) => meter.reported !== undefined)
    return known.length === 0 ? bill : addCosts(bill, known.map(billOf))
  }

  #saidNothing(): readonly Answering[] {
    if (this.#outrun.length === 0) return this.#silent
    return [...this.#silent, ...this.#outrun.filter(({ meter }) => meter.reported === undefined)]
  }

  #partsBill(held: Money | undefined, counter: TokenCounter | undefined): Bill | Promise<Bill> {
    if (this.#parts.length === 0) return FREE
    // An answer of several parts was told with its bill: the books say the same.
    if (this.#parts.length > 1 && this.#status === 'finished') return this.bill()
    const [only] = this.#parts
    if (only !== undefined && this.#parts.length === 1) return settledBillOf(only, held, counter)
    return Promise.all(this.#parts.map(async (part) => settledBillOf(part, held, counter))).then(addBills)
  }
}

/** A refusal costs nothing anywhere. */
const FREE: Bill = { ...NO_BILL, cost: NOTHING }

/** Nobody knows whether these bill: what they may is in the upper bound alone. Without an answer the cost is anybody's guess. */
function withSilent(bill: Bill, silent: readonly Answering[]): Bill {
  const { cost, costHigh } = addBills([bill, ...silent.map((each) => mostOf(billOf(each)))])
  return {
    ...bill,
    cost: bill.usage === undefined ? undefined : bill.cost,
    costLow: bill.costLow ?? bill.cost,
    costHigh: costHigh ?? cost,
  }
}

function mostOf({ cost, costHigh }: Bill): Bill {
  return { ...NO_BILL, cost: costHigh ?? cost }
}

/** The provider said no, or never had the request. A broker above us says no for others, who may bill it. */
function isUnbilled({ details: { status = 0, isUnasked, mayRepeat, mayBill } }: BrokerError): boolean {
  return (status >= 400 && mayBill !== true) || isUnasked === true || mayRepeat === true
}
