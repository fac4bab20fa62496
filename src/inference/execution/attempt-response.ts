import type { Money } from '../../base/money.ts'
import { costParts, type CostParts } from '../../ledger/cost.ts'
import type { Usage } from '../../ledger/types.ts'
import type { Run } from './attempt-context.ts'
import type { Answering } from '../cost/attempt-cost.ts'
import type { AnswerFacts } from '../response/response-formatter.ts'
import { envelopeOf, usualEnvelope } from './response-metadata.ts'
import { shorteningOf } from '../budget/affordable-candidates.ts'
import { routerMetadata, wantsMetadata } from './openrouter-metadata.ts'

/** What the broker knows of the answer that one attempt gives. */
export class FactsOfAttempt implements AnswerFacts {
  readonly provider: string
  /** Others were paid before: for the beginning of this answer, or for one that was no use. */
  readonly isShared: boolean
  readonly #run: Run
  readonly #answering: Answering
  #costed: Usage | undefined
  #parts: CostParts | undefined

  /** @param provider display name. */
  constructor(answering: Answering, run: Run, provider: string, isRescue: boolean) {
    this.#answering = answering
    this.#run = run
    this.provider = provider
    this.isShared = isRescue || run.record.answering !== undefined
  }

  get id(): string {
    return this.#run.sink.id
  }

  get created(): number {
    return this.#run.created
  }

  get model(): string {
    return this.#answering.endpoint.model
  }

  usage(): Usage | undefined {
    return this.isShared ? this.#run.record.bill().usage : this.#answering.meter.read().usage
  }

  /** Worked out once for the same counts: several places of an answer tell it. */
  parts(usage: Usage): CostParts | undefined {
    if (usage === this.#costed) return this.#parts
    const { price } = this.#answering.endpoint
    this.#costed = usage
    this.#parts = price === undefined ? undefined : costParts(usage, price)
    return this.#parts
  }

  cost(): Money | undefined {
    if (this.isShared) return this.#run.record.bill().cost
    const usage = this.usage()
    return usage === undefined ? undefined : this.parts(usage)?.whole
  }

  metadata(): object | undefined {
    const { asker, errand, record, providers } = this.#run
    if (!wantsMetadata(asker)) return undefined
    return routerMetadata({ errand, record, providers, endpoint: this.#answering.endpoint })
  }

  envelope(): object {
    const { grant, errand, record } = this.#run
    const { endpoint } = this.#answering
    const limited = shorteningOf(grant, endpoint)
    const note = errand.fitting?.(endpoint)?.note
    return {
      ...envelopeOf(record, this.provider, endpoint, this.cost()),
      ...(this.#isEstimate ? { estimated: true } : {}),
      ...(limited === undefined ? {} : { limited }),
      ...note,
    }
  }

  /** Nobody reported what is told as usage. */
  get #isEstimate(): boolean {
    if (this.isShared) return this.#run.record.bill().countSource !== 'reported'
    return this.#answering.meter.read().countSource === 'bounded'
  }

  envelopeText(): string {
    const { grant, errand, record } = this.#run
    const { endpoint } = this.#answering
    const isUsual =
      record.attempts.length === 0 &&
      !this.#isEstimate &&
      errand.fitting === undefined &&
      shorteningOf(grant, endpoint) === undefined
    return isUsual
      ? usualEnvelope(record, this.provider, endpoint, this.cost())
      : JSON.stringify(this.envelope())
  }
}
