import type { Clock } from '../base/clock.ts'
import type { BrokerError } from '../base/errors.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import type { AttemptOutcome } from '../fallback/fallback.ts'
import { costOf } from '../ledger/cost.ts'
import type { AnswerListener, Asking, Provider } from '../providers/provider.ts'
import type { ChatChunk } from '../wire/chat.ts'
import type { JsonBody } from '../wire/json-body.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { verbatim, type Completer } from './complete-answer.ts'
import { envelopeOf } from './envelope.ts'
import type { Errand } from './errand.ts'
import { shorteningOf, type Grant } from './grant.ts'
import type { HangUp } from './rooms.ts'
import type { Meter } from './meter.ts'
import type { Answering, AnswerRecord } from './record.ts'

/** What all attempts of one request share. */
export interface Run {
  readonly errand: Errand
  readonly asker: Asker
  readonly sink: AnswerSink
  readonly record: AnswerRecord
  readonly grant: Grant
  readonly clock: Clock
  readonly hangUp: HangUp
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
  /** Set while the rest of an answer is read only for the counts at its end. */
  #draining: { readonly outcome: AttemptOutcome; readonly cancel: () => void } | undefined

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
          body: this.#body(),
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
    if (this.#draining !== undefined) return this.#breakOff(this.#draining.outcome)
    this.#asking?.abort()
    this.fail(error)
  }

  #leave(): void {
    this.#run.record.left(this.#answering())
    this.#leaveUpstream({ type: 'left' })
  }

  /** Nobody reads on. A provider that bills on all the same is heard to the end, within the bound, for what it will bill. */
  #leaveUpstream(outcome: AttemptOutcome): void {
    const { hangUp, clock, sink } = this.#run
    if (this.#provider.abortStopsBilling) {
      this.#asking?.abort()
      return this.#close(outcome)
    }
    if (hangUp.policy === 'cut') return this.#breakOff(outcome)
    sink.whenGone = undefined
    this.#draining = { outcome, cancel: clock.after(hangUp.forMs, () => this.#breakOff(outcome)) }
    this.#asking?.resume()
  }

  #breakOff(outcome: AttemptOutcome): void {
    this.#asking?.abort()
    this.#run.record.wentOn()
    this.#close(outcome)
  }

  /** What the provider is asked; shorter where the budget affords no more. */
  #body(): JsonBody {
    const { errand, grant } = this.#run
    const tokens = grant.shortened.has(this.#endpoint.id) ? grant.tokens.get(this.#endpoint.id) : undefined
    if (tokens === undefined) return errand.body
    return errand.shorten?.(Math.floor(tokens / (errand.choices ?? 1))) ?? errand.body
  }

  chunk(json: string, chunk: ChatChunk): void {
    this.#meter.watch(chunk)
    if (this.#draining !== undefined) return
    this.#begin()
    const completed = this.#completer.chunk(json, chunk)
    if (completed !== undefined && !this.#run.sink.chunk(completed)) this.#asking?.pause()
    if (this.#isUsedUp()) this.#exhaust()
  }

  #isUsedUp(): boolean {
    const most = this.#run.grant.tokens.get(this.#endpoint.id)
    return most !== undefined && this.#meter.finishReason === undefined && this.#meter.completionSoFar > most
  }

  /** Ends the answer as a model would that reached its bound. */
  #exhaust(): void {
    const { record, sink } = this.#run
    const reason = exhaustedText(this.#run.grant)
    record.exhausted(reason)
    const last = this.#lastWords(reason)
    const completed = this.#completer.chunk(JSON.stringify(last), last)
    if (completed !== undefined) sink.chunk(completed)
    const owed = this.#completer.last()
    if (owed !== undefined) sink.chunk(owed)
    sink.end()
    this.#leaveUpstream({ type: 'answered' })
  }

  #lastWords(reason: string): ChatChunk {
    const { sink, created } = this.#run
    return {
      id: sink.id,
      object: 'chat.completion.chunk',
      created,
      model: this.#endpoint.model,
      provider: this.#provider.displayName,
      choices: [
        { index: 0, delta: { content: '' }, finish_reason: 'length', native_finish_reason: 'budget' },
      ],
      x_aibroker: { limited: { reason } },
    } as ChatChunk
  }

  answer(json: string, answer: ChatChunk): void {
    this.#meter.watch(answer)
    if (this.#draining !== undefined) return
    this.#begin()
    this.#run.sink.answer(this.#completer.answer(json, answer))
  }

  end(): void {
    if (this.#draining !== undefined) return this.#close(this.#draining.outcome)
    this.#run.record.finished()
    const last = this.#run.errand.streamed ? this.#completer.last() : undefined
    if (last !== undefined) this.#run.sink.chunk(last)
    this.#run.sink.end()
    this.#close({ type: 'answered' })
  }

  fail(error: BrokerError): void {
    if (this.#draining !== undefined) return this.#close(this.#draining.outcome)
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
    this.#draining?.cancel()
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
    const limited = shorteningOf(this.#run.grant, this.#endpoint)
    return errand.completer({
      id: sink.id,
      created,
      provider,
      model,
      price,
      usage,
      envelope: () => ({
        ...envelopeOf(record, provider, this.#endpoint, priced(usage(), price)),
        ...(limited === undefined ? {} : { limited }),
      }),
    })
  }
}

function exhaustedText({ allowance }: Grant): string {
  const whose = allowance === undefined ? 'the budget' : `the budget of ${allowance.name}`
  return `${whose} affords no longer answer`
}

function priced(usage: ReturnType<Meter['read']>['usage'], price: Endpoint['price']) {
  return usage === undefined || price === undefined ? undefined : costOf(usage, price)
}
