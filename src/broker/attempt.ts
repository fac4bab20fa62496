import type { BrokerError } from '../base/errors.ts'
import type { Money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import type { AttemptOutcome } from '../fallback/fallback.ts'
import { costOf } from '../ledger/cost.ts'
import type { AnswerListener, Asking, Provider } from '../providers/provider.ts'
import type { ChatChunk } from '../wire/chat.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import type { AnswerRecord } from './record.ts'
import type { Completion } from './complete-answer.ts'
import type { Errand } from './errand.ts'
import type { Meter } from './meter.ts'

/** What all attempts of one request share. */
export interface Run {
  readonly id: string
  readonly errand: Errand
  readonly asker: Asker
  readonly sink: AnswerSink
  readonly record: AnswerRecord
}

/** One call to one endpoint: what the provider says goes to the meter and, completed, to the sink. */
export class Attempt implements AnswerListener {
  readonly #run: Run
  readonly #endpoint: Endpoint
  readonly #provider: Provider
  readonly #meter: Meter
  readonly #startedAt: number
  #asking: Asking | undefined
  #resolve: (outcome: AttemptOutcome) => void = () => undefined
  #hasBegun = false

  constructor(run: Run, endpoint: Endpoint, provider: Provider) {
    this.#run = run
    this.#endpoint = endpoint
    this.#provider = provider
    this.#meter = run.errand.meter()
    this.#startedAt = run.record.elapsedMs
  }

  /** Asks; settles when the endpoint has answered or failed, or the caller has left. Never rejects. */
  run(): Promise<AttemptOutcome> {
    const { sink, record, errand, asker } = this.#run
    return new Promise((resolve) => {
      this.#resolve = resolve
      if (sink.isGone) {
        record.left(this.#endpoint, this.#meter)
        return resolve({ type: 'left' })
      }
      sink.whenGone = () => this.#leave()
      sink.whenReady = () => this.#asking?.resume()
      this.#asking = this.#provider.ask(
        {
          route: errand.route,
          body: errand.body,
          modelId: this.#endpoint.modelId,
          streamed: errand.streamed,
          referer: asker.referer,
          title: asker.title,
        },
        this,
      )
    })
  }

  /** Breaks it off although the caller is still there. */
  stop(error: BrokerError): void {
    this.#asking?.abort()
    this.fail(error)
  }

  #leave(): void {
    this.#asking?.abort()
    this.#run.record.left(this.#endpoint, this.#meter)
    this.#close({ type: 'left' })
  }

  chunk(json: string, chunk: ChatChunk): void {
    this.#meter.watch(chunk)
    this.#begin()
    const completed = this.#provider.speaksOpenRouter
      ? json
      : this.#run.errand.completer.chunk(json, chunk, this.#completion())
    if (!this.#run.sink.chunk(completed)) this.#asking?.pause()
  }

  answer(json: string, answer: ChatChunk): void {
    this.#meter.watch(answer)
    this.#begin()
    this.#run.sink.answer(
      this.#provider.speaksOpenRouter
        ? json
        : this.#run.errand.completer.answer(json, answer, this.#completion()),
    )
  }

  end(): void {
    this.#run.record.finished()
    this.#run.sink.end()
    this.#close({ type: 'answered' })
  }

  fail(error: BrokerError): void {
    if (this.#hasBegun) this.#run.record.broke(error)
    else this.#run.record.missed(this.#endpoint, error, this.#run.record.elapsedMs - this.#startedAt)
    this.#close({ type: 'failed', error, begun: this.#hasBegun })
  }

  #begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#run.record.began(this.#endpoint, this.#meter)
  }

  #close(outcome: AttemptOutcome): void {
    this.#run.sink.whenGone = undefined
    this.#run.sink.whenReady = undefined
    this.#resolve(outcome)
  }

  #completion(): Completion {
    return {
      id: this.#run.id,
      provider: this.#provider.displayName,
      model: this.#endpoint.model,
      endpoint: this.#endpoint.id,
      attempts: this.#run.record.attempts,
      latencyMs: this.#run.record.elapsedMs,
      cost: this.#cost(),
    }
  }

  #cost(): Money | undefined {
    const { reported } = this.#meter
    return reported === undefined || this.#endpoint.price === undefined
      ? undefined
      : costOf(reported, this.#endpoint.price)
  }
}
