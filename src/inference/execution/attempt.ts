import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { AttemptOutcome } from '../../fallback/fallback.ts'
import type { Asking, Provider, Question } from '../../providers/provider.ts'
import { saysSomething, type ChatChunk } from '../../wire/openai/chat.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { CallerWatcher } from '../response/response-sink.ts'
import type { Answering } from '../cost/attempt-cost.ts'
import { verbatim, type Completer } from '../response/response-formatter.ts'
import { FactsOfAttempt } from './attempt-response.ts'
import type { BatchListener } from '../request/embedding-batches.ts'
import type { Meter } from '../usage/usage-meter.ts'
import type { Replay } from './resumed-stream.ts'
import type { Run } from './attempt-context.ts'
import { shortened } from '../request/cap-max-tokens.ts'

/** An attempt that brings a broken answer to its end. */
export interface Rescuing {
  /** The caller's request, or the same with the beginning of the answer in it. */
  readonly body: JsonBody
  readonly replay: Replay
}

/** So many chunks without a word are held back; then the caller hears them, word or not. */
const MOST_HELD = 64

/** One call to one endpoint: what the provider says goes to the meter and, completed, to the sink. */
export class Attempt implements BatchListener, CallerWatcher, Answering {
  readonly #run: Run
  readonly endpoint: Endpoint
  readonly #provider: Provider
  readonly #rescuing: Rescuing | undefined
  readonly body: JsonBody
  readonly #startedAt: number
  #meterMade: Meter | undefined
  #completerMade: Completer | undefined
  #asking: Asking | undefined
  #resolve: (outcome: AttemptOutcome) => void = () => undefined
  /** The caller hears this attempt. */
  #hasBegun = false
  #isClosed = false
  /** This attempt is on the bill. */
  #isBilled = false
  #goesOn = false
  /** Set while the rest of an answer is read only for the counts at its end. */
  #draining: { readonly outcome: AttemptOutcome; readonly cancel: () => void } | undefined
  /** Chunks that promise a word: until the word is there, another candidate can still take over unseen. */
  #held: string[] = []

  constructor(run: Run, endpoint: Endpoint, provider: Provider, rescuing?: Rescuing) {
    this.#run = run
    this.endpoint = endpoint
    this.#provider = provider
    this.#rescuing = rescuing
    this.body = this.#within(rescuing?.body ?? run.errand.fitting?.(endpoint)?.body ?? run.errand.body)
    this.#startedAt = run.record.elapsedMs
  }

  get meter(): Meter {
    return (this.#meterMade ??= this.#run.errand.meter(this.body, this.endpoint))
  }

  get #completer(): Completer {
    return (this.#completerMade ??= this.#newCompleter())
  }

  #newCompleter(): Completer {
    const { speaksOpenRouter, displayName } = this.#provider
    const isRescue = this.#rescuing !== undefined
    return speaksOpenRouter && !isRescue
      ? verbatim
      : this.#run.errand.completer(new FactsOfAttempt(this, this.#run, displayName, isRescue))
  }

  /** What an answer needs and the question doesn't is made while the provider thinks. */
  #getReady(): void {
    try {
      void this.meter
      void this.#completer
    } catch (error) {
      this.stop(asBrokerError(error))
    }
  }

  /** Asks; settles when the endpoint has answered or failed, or the caller has left. Never rejects. */
  run(): Promise<AttemptOutcome> {
    const { sink, record, errand } = this.#run
    if (this.#rescuing !== undefined) record.handOn()
    return new Promise((resolve) => {
      this.#resolve = resolve
      if (sink.isGone) {
        record.gone()
        return resolve({ type: 'left' })
      }
      sink.watcher = this
      record.asks()
      const { askWith } = errand
      const question = this.#question()
      this.#asking =
        askWith === undefined ? this.#provider.ask(question, this) : askWith(this.#provider, question, this)
      this.#getReady()
    })
  }

  #question(): Question {
    const { errand, asker, deadlineAt } = this.#run
    const asked = this.#provider.speaksOpenRouter ? errand.ofRouters : undefined
    return {
      route: asked?.route ?? errand.route,
      body: asked === undefined ? this.body : this.#within(asked.body),
      modelId: this.endpoint.modelId,
      streamed: errand.streamed,
      reasons: errand.reasons?.(this.endpoint),
      deadlineAt,
      referer: asker.referer,
      title: asker.title,
      headers: asker.headers,
    }
  }

  /** Breaks it off although the caller is still there. */
  stop(error: BrokerError): void {
    if (this.#draining !== undefined) return this.#breakOff(this.#draining.outcome)
    this.#asking?.abort()
    this.fail(error)
  }

  /** Another endpoint spoke first. This one is not heard any more, and may be billed all the same. */
  outrun(): void {
    const { record } = this.#run
    record.outrun(this, record.elapsedMs - this.#startedAt)
    this.#leaveUpstream({ type: 'left' })
  }

  callerReady(): void {
    this.#asking?.resume()
  }

  callerGone(): void {
    this.#run.record.left(this)
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
    sink.watcher = undefined
    this.#draining = { outcome, cancel: clock.after(hangUp.forMs, () => this.#breakOff(outcome)) }
    return this.#asking?.resume()
  }

  #breakOff(outcome: AttemptOutcome): void {
    this.#asking?.abort()
    this.#goesOn = true
    this.#close(outcome)
  }

  /** Shorter where the budget affords no more. */
  #within(body: JsonBody): JsonBody {
    const { errand, grant } = this.#run
    const tokens = grant.shortened.has(this.endpoint.id) ? grant.tokens.get(this.endpoint.id) : undefined
    return tokens === undefined ? body : shortened(body, Math.floor(tokens / (errand.choices ?? 1)))
  }

  chunk(json: string, chunk: ChatChunk): void {
    this.meter.watch(chunk)
    if (this.#draining !== undefined) return
    if (!this.#hasBegun) this.#noteId(chunk)
    if (this.#rescuing === undefined) this.#pass(json, chunk)
    else this.#passRest(json, chunk, this.#rescuing.replay)
    if (this.#isUsedUp()) this.#exhaust()
  }

  #isUsedUp(): boolean {
    const most = this.#run.grant.tokens.get(this.endpoint.id)
    return (
      most !== undefined &&
      !this.#isClosed &&
      this.meter.finishReason === undefined &&
      this.meter.completionSoFar > most
    )
  }

  /** Ends the answer as a model would that reached its bound. */
  #exhaust(): void {
    const { record, sink, grant } = this.#run
    const reason = `the budget of ${grant.allowance?.name ?? 'the caller'} affords no longer answer`
    this.#begin()
    record.exhausted(reason)
    const last = this.#lastWords(reason)
    const text = this.#completer.chunk(JSON.stringify(last), last)
    if (text !== undefined) sink.chunk(text)
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
      model: this.endpoint.model,
      provider: this.#provider.displayName,
      choices: [
        { index: 0, delta: { content: '' }, finish_reason: 'length', native_finish_reason: 'budget' },
      ],
      x_aibroker: { limited: { reason } },
    } as ChatChunk
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
    this.meter.watch(part)
    this.#bill()
  }

  answer(json: string, answer: ChatChunk): void {
    this.meter.watch(answer)
    if (this.#draining !== undefined) return
    this.#noteId(answer)
    this.#begin()
    this.#run.sink.answer(this.#completer.answer(json, answer))
  }

  end(): void {
    if (this.#draining !== undefined) return this.#close(this.#draining.outcome)
    // An answer of which nothing said anything has been given, too.
    this.#begin()
    this.#run.record.finished()
    const last = this.#run.errand.streamed ? this.#completer.last() : undefined
    if (last !== undefined) this.#run.sink.chunk(last)
    this.#run.sink.end()
    this.#close({ type: 'answered' })
  }

  fail(error: BrokerError): void {
    if (this.#isClosed) return
    if (this.#draining !== undefined) return this.#close(this.#draining.outcome)
    const { record } = this.#run
    const ms = record.elapsedMs - this.#startedAt
    if (this.#hasBegun) record.brokeOff(this.endpoint, error, ms)
    else if (error.details.isUnasked === true) record.wasNotAsked()
    else record.missed(this, error, ms)
    this.#close({ type: 'failed', error, begun: this.#hasBegun || this.#rescuing !== undefined })
  }

  #begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#run.onBegin?.()
    this.#bill()
    const { record, sink } = this.#run
    const { id } = this.endpoint
    const { attempts } = record
    sink.tried?.(attempts.length === 0 ? [id] : [...attempts.map(({ endpoint }) => endpoint), id])
    record.tookOver(this)
    if (this.#held.length === 0) return
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
    this.#run.record.began(this)
  }

  #close(outcome: AttemptOutcome): void {
    this.#isClosed = true
    this.#draining?.cancel()
    this.#run.sink.watcher = undefined
    if (this.#held.length > 0) this.#held = []
    this.#resolve(outcome)
  }

  get saysWhatItCharged(): boolean {
    return this.#provider.speaksOpenRouter
  }

  get ordered(): Run {
    return this.#run
  }

  goesOn(): boolean {
    return this.#goesOn
  }
}
