import { isUnbilled } from '../../providers/errors/unbilled.ts'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { awaitOutcome } from '../../cascade/hop/outcome.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../../providers/provider.ts'
import { hasOutput, type ChatChunk } from '../../wire/openai/chat.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { GrantedRequest } from '../budget/affordable-candidates.ts'
import { tokenCapAt } from '../budget/token-cap.ts'
import type { AttemptCost, ChargingAttempt } from '../cost/attempt-cost.ts'
import { chargeOf } from '../cost/mother-charge.ts'
import { capMaxTokens } from '../request/derived-body.ts'
import type { BatchResponseHandler } from '../request/embedding-batches.ts'
import type { ResponseFormatter } from '../response/response-formatter.ts'
import { verbatimFormatter } from '../response/formats/verbatim-response.ts'
import type { CallerWatcher } from '../response/response-sink.ts'
import type { Meter } from '../usage/usage-meter.ts'
import { providerOf, readinessOf, type AttemptContext } from './attempt-context.ts'
import { DISCONNECTED, type AttemptOutcome } from './attempt-outcome.ts'
import { AttemptFacts, boundsBesides, lastChunkOf, shapeFor } from './attempt-response.ts'
import { AT_MOTHER, CALLER_LEFT, FINISHED, RESUMED, STARTED } from './request-record.ts'
import type { RestOfStream } from './recovery/resumed-stream.ts'
import type { Resumption } from './recovery/resumption.ts'

/**
 * `waiting` for the first chunk with content, so that another candidate may still take over unseen; `streaming` to the
 * caller; `draining`: read only for the usage at its end, since the caller left or another attempt was faster; `closed`.
 * `abandoned` is closed while the provider may go on billing. The states follow each other in this order, each may be
 * skipped, and none comes back.
 */
type AttemptState = 'waiting' | 'streaming' | 'draining' | 'closed' | 'abandoned'

/** The number of chunks without content that are held back at most; then the caller gets them, content or not. */
const MAX_HELD_BACK = 64

/** One call to one endpoint: what the provider sends goes to the meter and, formatted, to the sink. */
export class Attempt implements BatchResponseHandler, CallerWatcher, ChargingAttempt {
  readonly #shared: AttemptContext
  readonly endpoint: Endpoint
  readonly #provider: Provider
  readonly #resumption: Resumption | undefined
  readonly body: JsonBody
  readonly #startedAt: number
  #createdMeter: Meter | undefined
  #createdFormatter: ResponseFormatter | undefined
  #call: ProviderCall | undefined
  #resolve: ((outcome: AttemptOutcome) => void) | undefined
  #state: AttemptState = 'waiting'
  #isCut = false
  #isStopped = false
  /** All of the response is there, although it is of no use. */
  #isWhole = false
  /** While draining: how the attempt will have ended, and what cancels its timer. */
  #drain: { readonly outcome: AttemptOutcome; readonly cancel: () => void } | undefined
  /** While waiting: chunks without content. */
  #heldBack: string[] = []
  /** The tokens that were surely used when it was last seen whether the hold covers them. */
  #checkedTokens = 0
  #isCovering = false
  /** The money of the caller's budgets is gone: the response ends with its next text. */
  #isUsedUp = false
  /** The id by which a broker above knows this attempt. */
  #hopId: string | undefined
  #charge: AttemptCost | undefined

  constructor(shared: AttemptContext, endpoint: Endpoint, resumption?: Resumption) {
    const { request, record, providers } = shared
    this.#shared = shared
    this.endpoint = endpoint
    this.#provider = providerOf(providers, endpoint)
    this.#resumption = resumption
    this.body = this.#capped(resumption?.body ?? request.compressed?.get(endpoint.id)?.body ?? request.body)
    this.#startedAt = record.elapsedMs
  }

  get meter(): Meter {
    return (this.#createdMeter ??= this.#shared.request.kind.createMeter(
      this.body,
      this.endpoint,
      this.#provider.usageShape,
    ))
  }

  get #formatter(): ResponseFormatter {
    return (this.#createdFormatter ??= this.#createFormatter())
  }

  #createFormatter(): ResponseFormatter {
    const { displayName } = this.#provider
    const isResumption = this.#resumption !== undefined
    if (this.#isVerbatim && this.#shared.request.kind.formatsRouters !== true)
      return verbatimFormatter(shapeFor(this.#shared), boundsBesides(this.#shared.record))
    const facts = new AttemptFacts(this, this.#shared, displayName, isResumption)
    return this.#shared.request.kind.createFormatter(facts)
  }

  /** Another broker's response passes on as it is. */
  get #isVerbatim(): boolean {
    return this.#provider.speaksOpenRouter && this.#resumption === undefined
  }

  /** Sends the request; resolves when the endpoint has responded or failed, or the caller has left. Never rejects. */
  run(): Promise<AttemptOutcome> {
    const { sink, record } = this.#shared
    if (this.#resumption !== undefined) record.add(RESUMED)
    return new Promise((resolve) => {
      this.#resolve = resolve
      if (sink.disconnected) {
        record.add(CALLER_LEFT)
        return resolve(DISCONNECTED)
      }
      sink.watcher = this
      record.add(STARTED)
      this.#call = this.#shared.request.kind.dispatch(this.#provider, this.#providerCall(), this)
      this.#prepareForResponse()
    })
  }

  #providerCall(): ProviderRequest {
    const { request, context, deadlineAt, withoutThinking } = this.#shared
    const hasAlternative = this.#hasAlternative()
    const ofRouters = this.#provider.speaksOpenRouter ? request.forRouters : undefined
    return {
      route: ofRouters?.route ?? request.kind.route,
      body: ofRouters === undefined ? this.body : this.#capped(ofRouters.body),
      modelId: this.endpoint.modelId,
      stream: request.stream,
      maxOutputTokens: this.endpoint.maxOutputTokens,
      isReasoningModel: request.kind.reasons(this.endpoint),
      hasAlternative,
      withoutThinking,
      deadlineAt,
      referer: context.referer,
      title: context.title,
      headers: context.headers,
      hopHeaders: this.isAtMother ? this.#hopHeaders(hasAlternative) : undefined,
    }
  }

  #hopHeaders(hasAlternative: boolean): readonly string[] | undefined {
    const { hop, record, deadlineAt, clock } = this.#shared
    const timeLeftMs = deadlineAt - clock.monotonic()
    const next = hop?.next(this.endpoint.provider, timeLeftMs, hasAlternative)
    this.#hopId = next?.id
    record.add(AT_MOTHER)
    return next?.headers
  }

  /** Whether another endpoint that was not tried can respond now. */
  #hasAlternative(): boolean {
    const { grant, record, providers } = this.#shared
    if (grant.candidates.length < 2) return false
    return grant.candidates.some(
      (other) =>
        other.id !== this.endpoint.id &&
        !record.attempts.some(({ endpoint }) => endpoint === other.id) &&
        readinessOf(providers, other).state !== 'cooling-down',
    )
  }

  /** What the response needs and the request doesn't is created while the provider works. */
  #prepareForResponse(): void {
    try {
      this.#createdMeter = this.meter
      this.#createdFormatter = this.#formatter
    } catch (error) {
      this.stop(asBrokerError(error))
    }
  }

  /** Ends the attempt although the caller is still there. */
  stop(error: BrokerError): void {
    if (this.#drain !== undefined) return this.#abandon(this.#drain.outcome)
    this.#isStopped = true
    this.#call?.abort()
    this.onError(error)
  }

  /** Another endpoint sent its first chunk before. This one is not delivered, and may be billed all the same. */
  outrun(): void {
    const { record } = this.#shared
    record.add({ type: 'outrun', attempt: this, ms: record.elapsedMs - this.#startedAt })
    this.#leaveUpstream(DISCONNECTED)
  }

  onDrain(): void {
    this.#call?.resume()
  }

  onDisconnect(): void {
    this.#shared.record.add({ type: 'caller-left', attempt: this })
    this.#leaveUpstream(DISCONNECTED)
  }

  /** Nothing more is delivered. Where an abort doesn't stop the billing, the rest is read for its usage, within a bound. */
  #leaveUpstream(outcome: AttemptOutcome): void {
    if (this.#isClosed) return
    const { hangUp, clock, sink } = this.#shared
    if (this.#abortStopsBilling || this.isUnsent) {
      this.#isCut = true
      this.#call?.abort()
      return this.#close(outcome)
    }
    if (hangUp.policy === 'cut') return this.#abandon(outcome)
    sink.watcher = undefined
    this.#state = 'draining'
    this.#drain = { outcome, cancel: clock.after(hangUp.forMs, () => this.#abandon(outcome)) }
    return this.#call?.resume()
  }

  get #abortStopsBilling(): boolean {
    const { abortStopsBilling, abortStopsPlainBilling } = this.#provider
    return this.#shared.request.stream ? abortStopsBilling : abortStopsPlainBilling === true
  }

  #abandon(outcome: AttemptOutcome): void {
    if (this.#isClosed) return
    this.#isCut = true
    this.#call?.abort()
    this.#close(outcome, 'abandoned')
  }

  /** With a lower maximum length where the budget, or a limit of tokens a minute, allows no more. */
  #capped(body: JsonBody): JsonBody {
    const cap = tokenCapAt(this.#shared, this.endpoint)
    if (cap === undefined) return body
    return capMaxTokens(body, Math.max(1, Math.floor(cap.max_tokens / (this.#shared.request.n ?? 1))))
  }

  onChunk(json: string, chunk: ChatChunk): void {
    this.meter.watch(chunk)
    if (this.#state === 'draining') return undefined
    // The finish reason and the usage are taken whatever the response has cost: only more text ends it.
    if (this.#isUsedUp && goesOn(chunk)) return this.#cutShort()
    if (this.#state === 'waiting') this.#noteId(chunk)
    if (this.#resumption === undefined) this.#pass(json, chunk)
    else this.#passRest(json, chunk, this.#resumption.rest)
    return this.#coverSpent()
  }

  /**
   * A provider that goes on beyond the granted tokens may use up the hold. Only what it has surely used counts, since a
   * response that is within its limit must never be cut by an estimate.
   */
  #coverSpent(): void {
    const { grant, record, reservation } = this.#shared
    const maxTokens = grant.tokens.get(this.endpoint.id)
    if (maxTokens === undefined || this.#isCovering || this.#isClosed) return
    const used = this.meter.minCompletion
    if (used <= Math.max(maxTokens, this.#checkedTokens)) return
    this.#checkedTokens = used
    const { cost, costLow: spent = cost } = record.cost()
    if (spent === undefined) return
    const covered = reservation.coverSpent(spent)
    if (covered === true) return
    this.#isCovering = true
    // A ledger that fails reports it at the settlement; the response goes on.
    const onCovered = (isCovered: boolean): void => {
      this.#isCovering = false
      this.#isUsedUp = !isCovered
    }
    covered.then(onCovered, () => onCovered(true))
  }

  /** Ends the response as a model would that reached its maximum length. */
  #cutShort(): void {
    const { record, sink, grant } = this.#shared
    const reason = `the budget of ${grant.allowance?.name ?? 'the caller'} affords no longer response`
    this.#begin()
    record.add({ type: 'exhausted', reason })
    const last = lastChunkOf(this.#shared, this.endpoint, this.#provider.displayName, reason)
    const text = this.#formatter.formatChunk(JSON.stringify(last), last)
    if (text !== undefined) sink.chunk(text)
    const owed = this.#formatter.finalChunk()
    if (owed !== undefined) sink.chunk(owed)
    sink.end()
    this.#leaveUpstream({ type: 'completed' })
  }

  #pass(json: string, chunk: ChatChunk): void {
    this.#shared.delivered?.watch(chunk)
    const text = this.#formatter.formatChunk(json, chunk)
    if (this.#state === 'waiting') {
      if (!hasOutput(chunk) && this.#heldBack.length < MAX_HELD_BACK) {
        if (text !== undefined) this.#heldBack.push(text)
        return
      }
      this.#begin()
    }
    if (text !== undefined) this.#send(text)
  }

  #passRest(json: string, chunk: ChatChunk, rest: RestOfStream): void {
    if (this.#state === 'waiting') this.#shared.record.add({ type: 'first-chunk', attempt: this })
    const remaining = rest.take(chunk)
    if (remaining === 'differs') {
      this.#call?.abort()
      return this.onError(
        new BrokerError('upstream-failed', 'the endpoint gave another response to the restarted request', {
          details: { provider: this.#provider.displayName },
        }),
      )
    }
    return remaining === undefined ? undefined : this.#pass(json, remaining)
  }

  #send(text: string): void {
    if (!this.#shared.sink.chunk(text)) this.#call?.pause()
  }

  /** Charged, although the caller sees nothing of it yet. */
  onPart(part: ChatChunk, isWhole = false): void {
    this.#isWhole = isWhole
    this.meter.watch(part)
    this.#shared.record.add({ type: 'first-chunk', attempt: this })
    if (this.#drain === undefined) return
    // The parts that were not sent yet would only cost money.
    this.#call?.abort()
    this.#close(this.#drain.outcome)
  }

  onResponse(json: string, answer: ChatChunk): void {
    this.meter.watch(answer)
    if (this.#state === 'draining') return
    this.#noteId(answer)
    this.#begin()
    this.#setHead(undefined)
    this.#shared.sink.respond(this.#formatter.formatResponse(json, answer))
  }

  onBytes(bytes: Uint8Array, contentType: string): void {
    if (this.#state === 'draining') return
    if (this.#state === 'waiting') {
      // The provider has begun, and charges.
      this.meter.watch(NOTHING_NEW)
      this.#begin()
      this.#setHead(contentType)
    }
    if (this.#shared.sink.bytes?.(bytes) === false) this.#call?.pause()
  }

  onEvent(event: ChatChunk): void {
    this.meter.watch(event)
  }

  #setHead(contentType: string | undefined): void {
    const formatter = this.#formatter
    if (formatter.head !== undefined) this.#shared.sink.setHead?.(formatter.head(contentType))
  }

  onEnd(): void {
    if (this.#drain !== undefined) return this.#close(this.#drain.outcome)
    // A response without any content has been delivered, too.
    this.#begin()
    const { record, request, sink } = this.#shared
    record.add(FINISHED)
    const last = request.stream ? this.#formatter.finalChunk() : undefined
    if (last !== undefined) sink.chunk(last)
    sink.end()
    this.#close({ type: 'completed' })
  }

  onError(error: BrokerError): void {
    if (this.#isClosed) return
    this.#isCut = !this.#isWhole && !isUnbilled(error)
    // A provider that closes the connection has stopped. One that we stop waiting for may go on and bill the rest.
    const isOurs = this.#isStopped || error.code === 'upstream-timeout'
    const state = this.#isCut && isOurs && !this.#abortStopsBilling ? 'abandoned' : 'closed'
    if (this.#drain !== undefined) return this.#close(this.#drain.outcome, state)
    const { record } = this.#shared
    record.add({ type: 'failed', attempt: this, error, ms: record.elapsedMs - this.#startedAt })
    const isPartial = this.#state === 'streaming' || this.#resumption !== undefined
    this.#close({ type: 'failed', error, isPartial }, state)
  }

  /** The caller gets this response. */
  #begin(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'streaming'
    const { record, sink, onBegin } = this.#shared
    onBegin?.()
    record.add({ type: 'delivering', attempt: this })
    const { id } = this.endpoint
    const { attempts } = record
    sink.setAttempted?.(attempts.length === 0 ? [id] : [...attempts.map(({ endpoint }) => endpoint), id])
    const leftOut = this.#call?.leftOut
    if (leftOut !== undefined) sink.setLeftOut?.(leftOut)
    if (this.#heldBack.length === 0) return
    for (const text of this.#heldBack) this.#send(text)
    this.#heldBack = []
  }

  /** What passes verbatim carries the provider's id. */
  #noteId({ id }: ChatChunk): void {
    const { upstreamIds, sink } = this.#shared
    if (this.#isVerbatim && typeof id === 'string') upstreamIds.add(id, sink.id)
  }

  #close(outcome: AttemptOutcome, state: 'closed' | 'abandoned' = 'closed'): void {
    this.#state = state
    this.#drain?.cancel()
    this.#drain = undefined
    this.#shared.sink.watcher = undefined
    if (this.#heldBack.length > 0) this.#heldBack = []
    this.#resolve?.(outcome)
  }

  get #isClosed(): boolean {
    return this.#state === 'closed' || this.#state === 'abandoned'
  }

  get reportsCost(): boolean {
    const { speaksOpenRouter, usageShape } = this.#provider
    return speaksOpenRouter || usageShape?.charge !== undefined
  }

  get isAtMother(): boolean {
    return this.#provider.isMother === true
  }

  get charge(): AttemptCost | undefined {
    return this.#charge
  }

  async learnCharge(): Promise<void> {
    const { getJson } = this.#provider
    if (this.#hopId === undefined || getJson === undefined) return
    const outcome = await awaitOutcome(getJson, this.#hopId, this.#shared.clock)
    if (outcome !== undefined) this.#charge = chargeOf(outcome)
  }

  get granted(): GrantedRequest {
    return this.#shared
  }

  get isUnsent(): boolean {
    return this.#call?.wasSent !== true
  }

  get isCut(): boolean {
    return this.#isCut
  }

  get isAbandoned(): boolean {
    return this.#state === 'abandoned'
  }
}

const NOTHING_NEW: ChatChunk = {}

/** Whether a chunk brings more text without an end. */
function goesOn(chunk: ChatChunk): boolean {
  return (
    hasOutput(chunk) && !(chunk.choices ?? []).some(({ finish_reason: reason }) => typeof reason === 'string')
  )
}
