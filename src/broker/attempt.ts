import { BrokerError } from '../base/errors.ts'
import type { Money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import type { AttemptOutcome } from '../fallback/fallback.ts'
import { costOf } from '../ledger/cost.ts'
import type { Asking, Provider, Question } from '../providers/provider.ts'
import { saysSomething, type ChatChunk } from '../wire/chat.ts'
import type { JsonBody } from '../wire/json-body.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import type { Answering } from './bill.ts'
import { verbatim, type Completer } from './complete-answer.ts'
import { envelopeOf } from './envelope.ts'
import type { Errand } from './errand.ts'
import type { BatchListener } from './in-batches.ts'
import type { Meter } from './meter.ts'
import type { AnswerRecord } from './record.ts'
import type { Replay } from './replay.ts'
import type { Told } from './told.ts'
import type { UpstreamIds } from './upstream-ids.ts'

/** What all attempts of one request share. */
export interface Run {
  readonly errand: Errand
  readonly asker: Asker
  readonly sink: AnswerSink
  readonly record: AnswerRecord
  readonly upstreamIds: UpstreamIds
  /** Unix seconds of the start. */
  readonly created: number
  /** Monotonic milliseconds at which the whole request must be done. */
  readonly deadlineAt: number
  /** What the caller heard so far; only kept where a rescue may come to need it. */
  readonly told: Told | undefined
}

/** An attempt that brings a broken answer to its end. */
export interface Rescuing {
  /** The caller's request, or the same with the beginning of the answer in it. */
  readonly body: JsonBody
  readonly replay: Replay
}

/** So many chunks without a word are held back; then the caller hears them, word or not. */
const MOST_HELD = 64

/** One call to one endpoint: what the provider says goes to the meter and, completed, to the sink. */
export class Attempt implements BatchListener {
  readonly #run: Run
  readonly #endpoint: Endpoint
  readonly #provider: Provider
  readonly #rescuing: Rescuing | undefined
  readonly #body: JsonBody
  readonly #meter: Meter
  readonly #completer: Completer
  readonly #startedAt: number
  #asking: Asking | undefined
  #resolve: (outcome: AttemptOutcome) => void = () => undefined
  /** The caller hears this attempt. */
  #hasBegun = false
  #isClosed = false
  /** This attempt is on the bill. */
  #isBilled = false
  /** Chunks that promise a word: until the word is there, another candidate can still take over unseen. */
  #held: string[] = []

  constructor(run: Run, endpoint: Endpoint, provider: Provider, rescuing?: Rescuing) {
    this.#run = run
    this.#endpoint = endpoint
    this.#provider = provider
    this.#rescuing = rescuing
    this.#body = rescuing?.body ?? run.errand.body
    this.#meter = run.errand.meter(this.#body)
    this.#completer = provider.speaksOpenRouter && rescuing === undefined ? verbatim : this.#newCompleter()
    this.#startedAt = run.record.elapsedMs
  }

  /** Asks; settles when the endpoint has answered or failed, or the caller has left. Never rejects. */
  run(): Promise<AttemptOutcome> {
    const { sink, record, errand } = this.#run
    if (this.#rescuing !== undefined) record.handOn()
    return new Promise((resolve) => {
      this.#resolve = resolve
      if (sink.isGone) {
        record.left(this.#answering())
        return resolve({ type: 'left' })
      }
      sink.whenGone = () => this.#leave()
      sink.whenReady = () => this.#asking?.resume()
      const { askWith } = errand
      const question = this.#question()
      this.#asking =
        askWith === undefined ? this.#provider.ask(question, this) : askWith(this.#provider, question, this)
    })
  }

  #question(): Question {
    const { errand, asker, deadlineAt } = this.#run
    const asked = this.#provider.speaksOpenRouter ? errand.ofRouters : undefined
    return {
      route: asked?.route ?? errand.route,
      body: asked?.body ?? this.#body,
      modelId: this.#endpoint.modelId,
      streamed: errand.streamed,
      reasons: errand.reasons?.(this.#endpoint),
      deadlineAt,
      referer: asker.referer,
      title: asker.title,
    }
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
    if (!this.#hasBegun) this.#noteId(chunk)
    if (this.#rescuing === undefined) this.#pass(json, chunk)
    else this.#passRest(json, chunk, this.#rescuing.replay)
  }

  #pass(json: string, chunk: ChatChunk): void {
    this.#run.told?.watch(chunk)
    const text = this.#completer.chunk(json, chunk)
    if (!this.#hasBegun) {
      if (!saysSomething(chunk) && this.#held.length < MOST_HELD) {
        if (text !== undefined) this.#held.push(text)
        return
      }
      this.#begin()
    }
    if (text !== undefined) this.#tell(text)
  }

  #passRest(json: string, chunk: ChatChunk, replay: Replay): void {
    this.#bill()
    const rest = replay.take(chunk)
    if (rest === 'differs') {
      this.#asking?.abort()
      return this.fail(
        new BrokerError('upstream-failed', 'asked anew, the endpoint gave another answer', {
          details: { provider: this.#provider.displayName },
        }),
      )
    }
    return rest === undefined ? undefined : this.#pass(json, rest)
  }

  #tell(text: string): void {
    if (!this.#run.sink.chunk(text)) this.#asking?.pause()
  }

  /** Billed, although the caller sees nothing of it yet. */
  part(part: ChatChunk): void {
    this.#meter.watch(part)
    this.#bill()
  }

  answer(json: string, answer: ChatChunk): void {
    this.#meter.watch(answer)
    this.#noteId(answer)
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
    if (this.#isClosed) return
    const { record } = this.#run
    const ms = record.elapsedMs - this.#startedAt
    if (this.#hasBegun) record.brokeOff(this.#endpoint, error, ms)
    else if (error.details.isUnasked !== true) record.missed(this.#endpoint, error, ms)
    this.#close({ type: 'failed', error, begun: this.#hasBegun || this.#rescuing !== undefined })
  }

  #begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#bill()
    this.#run.record.tookOver(this.#answering())
    for (const text of this.#held) this.#tell(text)
    this.#held = []
  }

  /** What passes verbatim carries somebody else's id. */
  #noteId({ id }: ChatChunk): void {
    const { upstreamIds, sink } = this.#run
    if (this.#completer === verbatim && typeof id === 'string') upstreamIds.note(id, sink.id)
  }

  #bill(): void {
    if (this.#isBilled) return
    this.#isBilled = true
    this.#run.record.began(this.#answering())
  }

  #close(outcome: AttemptOutcome): void {
    this.#isClosed = true
    this.#run.sink.whenGone = undefined
    this.#run.sink.whenReady = undefined
    this.#held = []
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
    const isShared = this.#rescuing !== undefined
    const usage = () => (isShared ? record.bill().usage : this.#meter.read().usage)
    const cost = () => (isShared ? record.bill().cost : priced(usage(), price))
    return errand.completer({
      id: sink.id,
      created,
      provider,
      model,
      price,
      usage,
      cost: isShared ? cost : undefined,
      envelope: () => envelopeOf(record, provider, this.#endpoint, cost()),
    })
  }
}

function priced(usage: ReturnType<Meter['read']>['usage'], price: Endpoint['price']): Money | undefined {
  return usage === undefined || price === undefined ? undefined : costOf(usage, price)
}
