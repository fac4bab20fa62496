import type { Clock } from '../base/clock.ts'
import type { BrokerError } from '../base/errors.ts'
import { NOTHING, type Money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import type { EntryStatus, FailedAttempt, Settlement } from '../ledger/ledger-types.ts'
import type { JsonBody } from '../wire/json-body.ts'
import { countReading } from './count-reading.ts'
import type { Meter } from './meter.ts'
import { settledCost } from './settled-cost.ts'
import type { TokenCounter } from './token-counter.ts'

/** Who answers. */
export interface Answering {
  readonly endpoint: Endpoint
  readonly meter: Meter
  /** Its own figure of the cost is what we are billed; otherwise counts times price are. */
  readonly saysWhatItCharged: boolean
}

/** Everything that the ledger will want to know of a request, gathered while it runs. */
export class AnswerRecord {
  readonly #clock: Clock
  readonly #priceVersion: string
  readonly #startedAt: number
  readonly #attempts: FailedAttempt[] = []
  readonly #errors: BrokerError[] = []
  #answering: Answering | undefined
  #status: EntryStatus = 'failed'
  #error: BrokerError | undefined
  #firstTokenMs: number | undefined
  #flag: string | undefined
  #goesOn = false

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

  /** An attempt that the caller saw nothing of. */
  missed(endpoint: Endpoint, error: BrokerError, ms: number): void {
    this.#errors.push(error)
    this.#attempts.push({ endpoint: endpoint.id, code: error.code, status: error.details.status, ms })
  }

  /** The first piece of an answer is there: from now on this endpoint is the one that is paid. */
  began(answering: Answering): void {
    this.#answering = answering
    this.#firstTokenMs = this.elapsedMs
  }

  finished(): void {
    this.#status = 'finished'
  }

  /** The caller left; an endpoint that was asked and hadn't answered may bill for the prompt all the same. */
  left(answering: Answering): void {
    this.#status = 'cancelled'
    this.#answering ??= answering
  }

  /** The hold was used up and the answer ended there. */
  exhausted(reason: string): void {
    this.#status = 'exhausted'
    this.#flag = reason
  }

  /** Nobody listens any more, and the provider bills on. */
  wentOn(): void {
    this.#goesOn = true
  }

  broke(error: BrokerError): void {
    this.#error = error
    if (this.#status !== 'cancelled' && this.#status !== 'exhausted')
      this.#status = this.#firstTokenMs === undefined ? 'failed' : 'broken'
  }

  /** Counts what the provider didn't, which may take a moment. */
  async settlement({ body, held, counter }: SettlingParts): Promise<Settlement> {
    const answering = this.#answering
    const told = {
      status: this.#status,
      attempts: this.#attempts,
      priceVersion: this.#priceVersion,
      error: this.#error === undefined ? undefined : `${this.#error.code}: ${this.#error.message}`,
      firstTokenMs: this.#firstTokenMs,
      durationMs: this.elapsedMs,
    }
    if (answering === undefined) return { ...told, ...NOBODY_ANSWERED }
    const { endpoint, meter, saysWhatItCharged } = answering
    const reading = await countReading(meter, body, endpoint.modelId, counter)
    const costs = settledCost({
      reading,
      price: endpoint.price,
      charged: saysWhatItCharged ? meter.charged : undefined,
      goesOn: this.#goesOn && reading.countSource !== 'reported',
      held,
    })
    return {
      ...told,
      endpoint: endpoint.id,
      provider: endpoint.provider,
      usage: reading.usage,
      countSource: this.#goesOn && reading.countSource === 'counted' ? 'bounded' : reading.countSource,
      ...costs,
      flag: costs.flag ?? this.#flag,
      finishReason: this.#status === 'exhausted' ? 'length' : meter.finishReason,
    }
  }
}

export interface SettlingParts {
  readonly body: JsonBody
  readonly held: Money | undefined
  readonly counter: TokenCounter | undefined
}

/** A refusal costs nothing anywhere. */
const NOBODY_ANSWERED = {
  endpoint: undefined,
  provider: undefined,
  usage: undefined,
  countSource: 'none',
  cost: NOTHING,
  costLow: undefined,
  costHigh: undefined,
  finishReason: undefined,
} as const
