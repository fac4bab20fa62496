import type { BrokerError } from '../base/errors.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import type { AttemptOutcome } from '../fallback/fallback.ts'
import { costOf } from '../ledger/cost.ts'
import type { AnswerListener, Asking, Provider } from '../providers/provider.ts'
import type { ChatChunk } from '../wire/chat.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { verbatim, type Completer } from './complete-answer.ts'
import { envelopeOf } from './envelope.ts'
import type { Errand } from './errand.ts'
import type { Meter } from './meter.ts'
import type { Answering, AnswerRecord } from './record.ts'

/** What all attempts of one request share. */
export interface Run {
  readonly errand: Errand
  readonly asker: Asker
  readonly sink: AnswerSink
  readonly record: AnswerRecord
  /** Unix seconds of the start. */
  readonly created: number
}

/** One call to one endpoint: what the provider says goes to the meter and, completed, to the sink. */
export class Attempt implements AnswerListener {
  readonly #run: Run
  readonly #endpoint: Endpoint
  readonly #provider: Provider
  readonly #meter: Meter
  readonly #completer: Completer
  readonly #startedAt: number
  #asking: Asking | undefined
  #resolve: (outcome: AttemptOutcome) => void = () => undefined
  #hasBegun = false

  constructor(run: Run, endpoint: Endpoint, provider: Provider) {
    this.#run = run
    this.#endpoint = endpoint
    this.#provider = provider
    this.#meter = run.errand.meter()
    this.#completer = provider.speaksOpenRouter ? verbatim : this.#newCompleter()
    this.#startedAt = run.record.elapsedMs
  }

  /** Asks; settles when the endpoint has answered or failed, or the caller has left. Never rejects. */
  run(): Promise<AttemptOutcome> {
    const { sink, record, errand, asker } = this.#run
    return new Promise((resolve) => {
      this.#resolve = resolve
      if (sink.isGone) {
        record.left(this.#answering())
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
          reasons: errand.reasons?.(this.#endpoint),
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
    this.#run.record.left(this.#answering())
    this.#close({ type: 'left' })
  }

  chunk(json: string, chunk: ChatChunk): void {
    this.#meter.watch(chunk)
    this.#begin()
    const completed = this.#completer.chunk(json, chunk)
    if (completed !== undefined && !this.#run.sink.chunk(completed)) this.#asking?.pause()
  }

  answer(json: string, answer: ChatChunk): void {
    this.#meter.watch(answer)
    this.#begin()
    this.#run.sink.answer(this.#completer.answer(json, answer))
  }

  end(): void {
    this.#run.record.finished()
    const last = this.#run.errand.streamed ? this.#completer.last() : undefined
    if (last !== undefined) this.#run.sink.chunk(last)
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
    this.#run.record.began(this.#answering())
  }

  #close(outcome: AttemptOutcome): void {
    this.#run.sink.whenGone = undefined
    this.#run.sink.whenReady = undefined
    this.#resolve(outcome)
  }

  #answering(): Answering {
    return {
      endpoint: this.#endpoint,
      meter: this.#meter,
      saysWhatItCharged: this.#provider.speaksOpenRouter,
    }
  }

  #newCompleter(): Completer {
    const { errand, record, sink, created } = this.#run
    const { model, price } = this.#endpoint
    const provider = this.#provider.displayName
    const usage = () => this.#meter.read().usage
    return errand.completer({
      id: sink.id,
      created,
      provider,
      model,
      price,
      usage,
      envelope: () => envelopeOf(record, provider, this.#endpoint, priced(usage(), price)),
    })
  }
}

function priced(usage: ReturnType<Meter['read']>['usage'], price: Endpoint['price']) {
  return usage === undefined || price === undefined ? undefined : costOf(usage, price)
}
