// The life of one request: select, reserve, attempt, settle.
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { whenReady } from '../../base/when-ready.ts'
import type { Catalog, Endpoint } from '../../catalog/catalog.ts'
import { isFinal, nextStep, reportedFailure, type AttemptFailure } from '../../fallback/retry-policy.ts'
import { nextRecovery, type Recovery } from '../../fallback/stream-recovery.ts'
import type { Hold, Settlement } from '../../ledger/types.ts'
import type { LimitAdmission } from '../../limits/limits.ts'
import type { Readiness } from '../../providers/keys/key-pool.ts'
import type { Provider } from '../../providers/provider.ts'
import { DEFAULT_LIMITS } from '../../providers/transport/timeouts.ts'
import { hedgePolicyFor } from '../admission/hedge-budget.ts'
import type { Stoppable } from '../admission/in-flight.ts'
import type { ReservationRequest, Accounting } from '../budget/accounting.ts'
import { affordableCandidates, capAt, type Grant } from '../budget/affordable-candidates.ts'
import { withPrefix } from '../request/derived-body.ts'
import type { RequestContext, InferenceRequest } from '../request/inference-request.ts'
import type { ResponseSink, ResponseSource, CallerWatcher } from '../response/response-sink.ts'
import type { Services } from '../services/services.ts'
import { BYTES_PER_TOKEN } from '../usage/token-ratio.ts'
import { Attempt, type AttemptOutcome, type FailedOutcome, type Resumption } from './attempt.ts'
import { providerOf, readinessOf, type AttemptContext } from './attempt-context.ts'
import { mayCost, withEarlierErrors } from './attempt-errors.ts'
import { DeliveredText } from './delivered-text.ts'
import { HedgedAttempts } from './hedged-attempts.ts'
import { withMetadata } from './openrouter-metadata.ts'
import { RequestRecord } from './request-record.ts'
import { Reservation } from './reservation.ts'
import { restOfRestarted, restOfContinued } from './resumed-stream.ts'

/** How long a dropped attempt is read on after the response. */
const MAX_DROPPED_DRAIN_MS = 5000

/** Capability of a model, in the catalog's words: it continues the beginning of a response. */
const CONTINUES = 'assistant_prefix'

const DISCONNECTED: AttemptOutcome = { type: 'disconnected' }

/** One request on its way through its candidates. */
export class Execution implements Stoppable, CallerWatcher {
  place = -1
  readonly #request: InferenceRequest
  readonly #context: RequestContext
  readonly #sink: ResponseSink
  readonly #services: Services
  readonly #catalog: Catalog
  readonly #record: RequestRecord
  readonly #deadlineAt: number
  readonly #estimatedTokens: number
  /** The ledger and the limits that account for this request. */
  #accounting: Accounting
  #admission: LimitAdmission | undefined
  #reservation: Reservation | undefined
  #shared: AttemptContext | undefined
  #attempt: Attempt | undefined
  #hedged: HedgedAttempts | undefined
  #stopped: BrokerError | undefined
  /** Set while it waits for an endpoint to be available again: ends the wait, with whether the caller is still there. */
  #wake: ((isConnected: boolean) => void) | undefined
  /** Known once it is settled. */
  #tokensUsed = 0

  constructor(request: InferenceRequest, context: RequestContext, sink: ResponseSink, services: Services) {
    const { clock, timeLimits = DEFAULT_LIMITS } = services
    this.#request = request
    this.#context = context
    this.#sink = sink
    this.#services = services
    this.#catalog = services.catalog()
    this.#record = new RequestRecord(clock, this.#catalog.version)
    this.#deadlineAt = clock.monotonic() + timeLimits.wholeMs
    this.#estimatedTokens = Math.ceil(request.body.byteLength / BYTES_PER_TOKEN)
    this.#accounting = services
  }

  /**
   * Throws a `BrokerError` as long as the caller has seen nothing of a response; after that a failure goes into the stream.
   * Whatever happens, the hold is settled.
   */
  async execute(): Promise<void> {
    const { inFlight, reserveRemotely } = this.#services
    inFlight.add(this)
    try {
      if (reserveRemotely !== undefined) this.#accounting = await reserveRemotely(this.#booking())
      const admission = this.#admit()
      // Nothing waits between the look at the balance and the hold, so that no other request can hold the same money.
      const grant = this.#afford()
      const hold = await this.#hold(grant)
      try {
        this.#begin(hold, grant, admission)
        this.#conclude(await this.#tryCandidates(grant.candidates))
      } catch (error) {
        this.#record.add({ type: 'request-failed', error: asBrokerError(error) })
        throw error
      } finally {
        const settling = this.#settle()
        if (settling instanceof Promise) await settling
      }
    } finally {
      inFlight.remove(this)
      this.#admission?.release(this.#tokensUsed)
    }
  }

  /** For accounting in another process, which is consulted first and then answers from what it learned. */
  #booking(): ReservationRequest {
    return {
      request: this.#request,
      context: this.#context,
      id: this.#sink.id,
      tokens: this.#estimatedTokens,
    }
  }

  /** Throws `over-limit`. */
  #admit(): LimitAdmission {
    this.#admission = this.#accounting.limits.admit(this.#context.caller, this.#estimatedTokens)
    return this.#admission
  }

  /** Throws `over-budget`. */
  #afford(): Grant {
    return affordableCandidates(this.#request, this.#accounting.limits.allowance(this.#context.caller))
  }

  #hold({ maxCost }: Grant): Promise<Hold> {
    const { kind, requestedModel, stream, group } = this.#request
    const { caller, referer, title } = this.#context
    return this.#accounting.ledger.hold({
      id: this.#sink.id,
      caller,
      kind: kind.name,
      requestedModel,
      streamed: stream,
      maxCost,
      startedAt: this.#services.clock.now(),
      referer,
      title,
      group,
    })
  }

  /** From here on there is a hold to settle. */
  #begin(hold: Hold, grant: Grant, { headers, mayHedge }: LimitAdmission): void {
    this.#reservation = new Reservation(hold, this.#accounting)
    this.#sink.start(withCapHeader(headers, grant))
    const shared = this.#newContext(hold, grant)
    this.#shared = shared
    if ((mayHedge ?? grant.candidates[0]?.mayHedge) !== true) return
    const hedges = hedgePolicyFor(this.#request, grant, this.#services.hedgePolicy)
    if (hedges !== undefined) this.#hedged = new HedgedAttempts(shared, hedges, this.#reservation)
  }

  #newContext({ startedAt }: Hold, grant: Grant): AttemptContext {
    const { clock, hangUp, upstreamIds, providers } = this.#services
    return {
      request: this.#request,
      context: this.#context,
      sink: this.#sink,
      record: this.#record,
      grant,
      hangUp,
      clock,
      upstreamIds,
      providers,
      created: Math.floor(startedAt / 1000),
      deadlineAt: this.#deadlineAt,
      delivered: this.#request.mayResume === true ? new DeliveredText() : undefined,
    }
  }

  /**
   * Tries candidates until one responds, in the order that the retry policy decides. The outcome is that of the last attempt
   * that reached a provider.
   */
  async #tryCandidates(candidates: readonly Endpoint[]): Promise<AttemptOutcome> {
    const history: AttemptFailure<Endpoint>[] = []
    const readiness = this.#readiness
    for (;;) {
      const step = nextStep({
        candidates,
        history,
        readiness,
        timeLeftMs: this.#timeLeftMs(),
        random: Math.random(),
      })
      if (step.type === 'stop') return outcomeOf(history)
      const { candidate, afterMs } = step
      if (afterMs > 0 && !(await this.#wait(afterMs))) return DISCONNECTED
      const outcome = await this.#attemptAt(candidate)
      if (outcome.type !== 'failed') return outcome
      const { error, isPartial, failures = [{ candidate, error }] } = outcome
      if (isPartial && isFinal(error)) return outcome
      if (isPartial) return this.#recover(candidates, failures.at(-1)?.candidate ?? candidate, outcome)
      history.push(...failures)
    }
  }

  /** Has a broken stream resumed. The outcome of a recovery that failed is the first failure. */
  async #recover(
    candidates: readonly Endpoint[],
    broken: Endpoint,
    failure: FailedOutcome,
  ): Promise<AttemptOutcome> {
    const delivered = this.#shared?.delivered
    if (delivered === undefined) return failure
    const tried: Recovery<Endpoint>[] = []
    const readiness = this.#readiness
    const continues = (endpoint: Endpoint): boolean => delivered.text !== '' && this.#continues(endpoint)
    while (delivered.isRepeatable && this.#timeLeftMs() > 0) {
      const next = nextRecovery({ candidates, broken, tried, readiness, continues })
      if (next === undefined) break
      tried.push(next)
      const outcome = await this.#attemptAt(next.candidate, this.#resumption(next, delivered))
      if (outcome.type !== 'failed' || isFinal(outcome.error)) return outcome
    }
    return failure
  }

  #continues({ model, provider }: Endpoint): boolean {
    return (
      this.#catalog.models.get(model)?.capabilities.includes(CONTINUES) === true &&
      this.#services.providers().get(provider)?.prefixMarker !== 'none'
    )
  }

  #resumption({ candidate, mode }: Recovery<Endpoint>, { text }: DeliveredText): Resumption {
    const { body } = this.#request
    if (mode === 'restart') return { body, rest: restOfRestarted(text) }
    const { prefixMarker } = providerOf(this.#services.providers, candidate)
    return { body: withPrefix(body, text, prefixMarker), rest: restOfContinued(text) }
  }

  /** One attempt. When earlier ones may have to be paid, the hold is raised first, so that it covers all of them. */
  #attemptAt(endpoint: Endpoint, resumption?: Resumption): Promise<AttemptOutcome> {
    this.#throwIfStopped()
    return this.#record.mayOwe ? this.#coverAndStart(endpoint, resumption) : this.#start(endpoint, resumption)
  }

  async #coverAndStart(endpoint: Endpoint, resumption?: Resumption): Promise<AttemptOutcome> {
    const { byteLength } = resumption?.body ?? this.#request.body
    const { shared, reservation } = this.#begun
    if (!(await reservation.coverNext(shared, endpoint, byteLength)))
      return notAfforded(this.#record, resumption !== undefined)
    this.#throwIfStopped()
    return this.#start(endpoint, resumption)
  }

  #start(endpoint: Endpoint, resumption?: Resumption): Promise<AttemptOutcome> {
    if (this.#hedged !== undefined && resumption === undefined) return this.#hedged.run(endpoint)
    this.#attempt = new Attempt(this.#begun.shared, endpoint, resumption)
    return this.#attempt.run()
  }

  get #begun(): { readonly shared: AttemptContext; readonly reservation: Reservation } {
    const shared = this.#shared
    const reservation = this.#reservation
    if (shared === undefined || reservation === undefined) throw new Error('there is no hold yet')
    return { shared, reservation }
  }

  /** Throws the failure while the caller has seen nothing, and writes it into the stream afterwards. */
  #conclude(outcome: AttemptOutcome): void {
    if (outcome.type !== 'failed') return
    const { error, isPartial } = outcome
    // A plain response is delivered as a whole, so that the caller has seen nothing of one that broke.
    if (!isPartial || !this.#request.stream) throw this.#routed(withEarlierErrors(error, this.#record))
    const owed = this.#record.mayOwe ? mayCost(error) : error
    this.#sink.fail(this.#routed(owed), brokenResponse(this.#record, this.#services.providers()))
  }

  #routed(error: BrokerError): BrokerError {
    const { providers } = this.#services
    return withMetadata(error, this.#context, { request: this.#request, record: this.#record, providers })
  }

  /** At once, unless an attempt is still being drained or tokens have to be counted. */
  #settle(): void | Promise<void> {
    if (this.#hedged !== undefined) return this.#settleHedged(this.#hedged)
    return this.#settleNow()
  }

  /** A dropped attempt is read on for its usage, but the row does not wait for it for long: then it has an upper bound. */
  async #settleHedged(hedged: HedgedAttempts): Promise<void> {
    const { clock } = this.#services
    const cancel = clock.after(MAX_DROPPED_DRAIN_MS, () =>
      hedged.stop(new BrokerError('stopping', 'the response is over')),
    )
    await hedged.ended()
    cancel()
    return this.#settleNow()
  }

  #settleNow(): void | Promise<void> {
    const reservation = this.#reservation
    if (reservation === undefined) return undefined
    const settlement = this.#record.settlement(reservation.max, this.#services.tokenCounter)
    return whenReady(settlement, (its) => this.#close(reservation, its))
  }

  #close(reservation: Reservation, settlement: Settlement): void {
    const { usage } = settlement
    if (usage !== undefined) this.#tokensUsed = usage.prompt + usage.completion
    this.#services.endpointStats.record(settlement)
    reservation.settle(settlement)
  }

  /** Ends the request although its caller is still there. */
  stop(error: BrokerError): void {
    this.#stopped = error
    this.#attempt?.stop(error)
    this.#hedged?.stop(error)
    this.#wake?.(true)
  }

  #throwIfStopped(): void {
    if (this.#stopped !== undefined) throw withEarlierErrors(this.#stopped, this.#record)
  }

  /** How available an endpoint is now. */
  readonly #readiness = (endpoint: Endpoint): Readiness => readinessOf(this.#services.providers, endpoint)

  #timeLeftMs(): number {
    return this.#deadlineAt - this.#services.clock.monotonic()
  }

  /** False when the caller disconnected meanwhile. */
  #wait(ms: number): Promise<boolean> {
    const sink = this.#sink
    if (sink.disconnected) {
      this.#record.add({ type: 'caller-left' })
      return Promise.resolve(false)
    }
    return new Promise((resolve) => {
      const cancel = this.#services.clock.after(ms, () => this.#wake?.(true))
      this.#wake = (isConnected) => {
        cancel()
        sink.watcher = undefined
        this.#wake = undefined
        resolve(isConnected)
      }
      sink.watcher = this
    })
  }

  onDrain(): void {}

  /** During a wait; attempts have their own watcher. */
  onDisconnect(): void {
    this.#record.add({ type: 'caller-left' })
    this.#wake?.(false)
  }
}

function outcomeOf(history: readonly AttemptFailure<Endpoint>[]): AttemptOutcome {
  const error = reportedFailure(history)?.error
  return error === undefined ? DISCONNECTED : { type: 'failed', error, isPartial: false }
}

/** The caller gets the error of the attempt before. */
function notAfforded({ lastError }: RequestRecord, isPartial: boolean): AttemptOutcome {
  const error =
    lastError ??
    new BrokerError(
      'upstream-failed',
      'the response is not complete, and the budget affords no attempt to resume it',
    )
  return { type: 'failed', error, isPartial }
}

/** A header is sent ahead of the response, so it states the maximum length at the first candidate. */
function withCapHeader(
  headers: Readonly<Record<string, string>>,
  grant: Grant,
): Readonly<Record<string, string>> {
  const cap = capAt(grant, grant.candidates[0])
  if (cap === undefined) return headers
  const limited = `max_tokens=${cap.max_tokens}; budget=${cap.budget}`
  return { ...headers, 'x-aibroker-limited': limited }
}

function brokenResponse(record: RequestRecord, providers: ReadonlyMap<string, Provider>): ResponseSource {
  const endpoint = record.responding
  return {
    model: endpoint?.model ?? '',
    provider: endpoint === undefined ? undefined : providers.get(endpoint.provider)?.displayName,
  }
}
