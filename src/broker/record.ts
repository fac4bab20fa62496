import type { Clock } from '../base/clock.ts'
import type { BrokerError } from '../base/errors.ts'
import type { Money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { costOf } from '../ledger/cost.ts'
import type { EntryStatus, FailedAttempt, Settlement, Usage } from '../ledger/ledger-types.ts'
import type { Meter, Reading } from './meter.ts'

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

  broke(error: BrokerError): void {
    this.#error = error
    if (this.#status !== 'cancelled') this.#status = this.#firstTokenMs === undefined ? 'failed' : 'broken'
  }

  settlement(): Settlement {
    const answering = this.#answering
    const reading = answering?.meter.read()
    return {
      status: this.#status,
      endpoint: answering?.endpoint.id,
      provider: answering?.endpoint.provider,
      attempts: this.#attempts,
      usage: reading?.usage,
      countSource: reading?.countSource ?? 'none',
      ...costs(answering, reading),
      priceVersion: this.#priceVersion,
      finishReason: answering?.meter.finishReason,
      error: this.#error === undefined ? undefined : `${this.#error.code}: ${this.#error.message}`,
      firstTokenMs: this.#firstTokenMs,
      durationMs: this.elapsedMs,
    }
  }
}

function costs(
  answering: Answering | undefined,
  reading: Reading | undefined,
): Pick<Settlement, 'cost' | 'costLow' | 'costHigh'> {
  const charged = answering?.saysWhatItCharged === true ? answering.meter.charged : undefined
  if (charged !== undefined) return { cost: charged, costLow: undefined, costHigh: undefined }
  const price = answering?.endpoint.price
  const priced = (usage: Usage | undefined): Money | undefined =>
    usage === undefined || price === undefined ? undefined : costOf(usage, price)
  return { cost: priced(reading?.usage), costLow: priced(reading?.low), costHigh: priced(reading?.high) }
}
