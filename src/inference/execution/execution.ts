// The life of one request: select, reserve, attempt, settle.
import { asBrokerError, BrokerError, withDetails } from '../../base/errors.ts'
import { isPending } from '../../base/pending.ts'
import { AttemptBudget } from '../../cascade/hop/attempt-budget.ts'
import { TRACE_HEADER } from '../../cascade/hop/hop-headers.ts'
import { OutgoingHop } from '../../cascade/hop/outgoing-hop.ts'
import { policyOf } from '../../cascade/hop/policy.ts'
import type { LeaseTaker } from '../../cascade/leases/lease-holders.ts'
import type { Catalog, Endpoint } from '../../catalog/catalog.ts'
import { isFinal, nextStep, type AttemptFailure } from '../../fallback/retry-policy.ts'
import { nextRecovery, type Recovery } from '../../fallback/stream-recovery.ts'
import type { Hold, Settlement } from '../../ledger/types.ts'
import type { LimitAdmission } from '../../limits/limits.ts'
import { tokensUsed, type ResponseTokens } from '../../limits/response-tokens.ts'
import { DEFAULT_LIMITS } from '../../providers/transport/timeouts.ts'
import { hedgePolicyFor, type HedgePolicy } from '../admission/hedge-budget.ts'
import type { Stoppable } from '../admission/in-flight.ts'
import { countRefusal } from '../admission/refusal-counter.ts'
import type { RequestAccounting } from '../budget/accounting.ts'
import { affordableCandidates, type Grant } from '../budget/affordable-candidates.ts'
import { budgetWaitMs, isHeldMoney } from '../budget/held-money.ts'
import { withCapHeader } from '../budget/token-cap.ts'
import { maxResponseTokens } from '../budget/worst-case.ts'
import { cascadeLinkOf, isAtMother } from '../request/cascade-link.ts'
import type { RequestContext, InferenceRequest } from '../request/inference-request.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import { restrictionsOn, type InferenceServices } from '../services/services.ts'
import { usualPromptTokens } from '../usage/prompt-text.ts'
import { Attempt } from './attempt.ts'
import { readinessAt, type AttemptContext } from './attempt-context.ts'
import { mayCost, withEarlierErrors } from './attempt-errors.ts'
import {
  DISCONNECTED,
  notAfforded,
  outcomeOf,
  type AttemptOutcome,
  type FailedOutcome,
} from './attempt-outcome.ts'
import { brokenResponse } from './attempt-response.ts'
import { CooldownWait } from './cooldown-wait.ts'
import { DeliveredText } from './recovery/delivered-text.ts'
import { HedgedAttempts } from './hedged-attempts.ts'
import { isOverLease, LeaseShares } from './lease-shares.ts'
import { withMetadata } from './openrouter-metadata.ts'
import { CALLER_LEFT, RequestRecord } from './request-record.ts'
import { Reservation } from './reservation.ts'
import { continuesFromPrefix, resumptionBy, type Resumption } from './recovery/resumption.ts'

/** After so many milliseconds without a first byte, a trial of an open circuit is joined by another endpoint. */
const TRIAL_PATIENCE_MS = 2_000
/** How long a dropped attempt is read on after the response. */
const MAX_DROPPED_DRAIN_MS = 5_000

/** One request on its way through its candidates. */
export class Execution implements Stoppable {
  place = -1
  readonly #request: InferenceRequest
  readonly #context: RequestContext
  readonly #sink: ResponseSink
  readonly #services: InferenceServices
  readonly #catalog: Catalog
  readonly #record: RequestRecord
  readonly #deadlineAt: number
  readonly #estimatedTokens: number
  #admission: LimitAdmission | undefined
  #accounting: RequestAccounting | undefined
  #reservation: Reservation | undefined
  #shares: LeaseShares | undefined
  #shared: AttemptContext | undefined
  #attempt: Attempt | undefined
  #hedged: HedgedAttempts | undefined
  #stopped: BrokerError | undefined
  #mayHedge: boolean | undefined
  /** Set while it waits for an endpoint to be available again, or for money. */
  #wait: CooldownWait | undefined
  /** Known once it is settled; `undefined` when the provider may have generated tokens that it did not report. */
  #tokensUsed: number | undefined = 0

  constructor(
    request: InferenceRequest,
    context: RequestContext,
    sink: ResponseSink,
    services: InferenceServices,
  ) {
    const { clock, timeLimits = DEFAULT_LIMITS } = services
    this.#request = request
    this.#context = context
    this.#sink = sink
    this.#services = services
    this.#catalog = services.catalog()
    this.#record = new RequestRecord(clock, this.#catalog.version)
    this.#deadlineAt = clock.monotonic() + Math.min(timeLimits.wholeMs, context.hop?.deadlineMs ?? Infinity)
    this.#estimatedTokens = usualPromptTokens(request.body)
  }

  /**
   * Throws a `BrokerError` as long as the caller has seen nothing of a response; after that a failure goes into the stream.
   * Whatever happens, the hold is settled.
   */
  async execute(): Promise<void> {
    const { inFlight } = this.#services
    inFlight.add(this)
    try {
      const begun = this.#beginAccounting()
      const accounting = begun instanceof Promise ? await begun : begun
      const admission = this.#admit(accounting)
      // Nothing waits between the look at the balance and the hold, so that no other request can hold the same money.
      let grant = this.#afford(accounting)
      while (grant === undefined) {
        if (!(await this.#waitForMoney(accounting))) return
        grant = this.#afford(accounting)
      }
      const hold = await this.#hold(accounting, grant)
      try {
        this.#begin(hold, grant, admission, accounting)
        this.#conclude(await this.#tryCandidates(grant.candidates))
      } catch (error) {
        this.#record.add({ type: 'request-failed', error: asBrokerError(error) })
        throw this.#withAttempts(asBrokerError(error))
      } finally {
        // The caller does not wait for what a broker above charges.
        const mayTakeLong = this.#record.lacksCharges
        const settling = this.#settle()
        if (mayTakeLong) this.#tokensUsed = undefined
        else if (settling instanceof Promise) await settling
      }
    } catch (error) {
      if (this.#reservation === undefined) countRefusal(this.#services.refusals, this.#context.caller, error)
      throw error
    } finally {
      inFlight.remove(this)
      this.#admission?.release(this.#tokensUsed)
    }
  }

  #beginAccounting(): RequestAccounting | Promise<RequestAccounting> {
    const { accounting } = this.#services
    const responseTokens = (): ResponseTokens => maxResponseTokens(this.#request)
    return accounting.begin(
      this.#request,
      this.#context,
      this.#sink.id,
      this.#estimatedTokens,
      responseTokens,
    )
  }

  /** Throws `over-limit`. */
  #admit(accounting: RequestAccounting): LimitAdmission {
    const responseTokens = (): ResponseTokens => maxResponseTokens(this.#request)
    this.#admission = accounting.admit(this.#context.caller, this.#estimatedTokens, responseTokens)
    return this.#admission
  }

  /** Throws `over-budget`; `undefined` when the caller lets the request wait for money that others hold. */
  #afford(accounting: RequestAccounting): Grant | undefined {
    try {
      return affordableCandidates(this.#request, accounting.allowance(this.#context.caller))
    } catch (error) {
      if (accounting.budgetQueue === undefined || !isHeldMoney(error) || this.#moneyWaitMs() <= 0) throw error
      return undefined
    }
  }

  #moneyWaitMs(): number {
    return budgetWaitMs(this.#context) - this.#record.elapsedMs
  }

  /** Until a request has ended, or the time is up. False when the caller disconnected meanwhile. */
  async #waitForMoney({ budgetQueue }: RequestAccounting): Promise<boolean> {
    this.#throwIfStopped()
    const waitMs = this.#moneyWaitMs()
    const leave = budgetQueue?.onFreed(waitMs, () => this.#wait?.stop())
    const isConnected = await this.#waitFor(waitMs)
    leave?.()
    this.#throwIfStopped()
    return isConnected
  }

  #hold(accounting: RequestAccounting, { maxCost }: Grant): Promise<Hold> {
    const { kind, requestedModel, stream, group } = this.#request
    const { caller, referer, title } = this.#context
    return accounting.hold({
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
      link: cascadeLinkOf(this.#request, this.#context),
    })
  }

  /** From here on there is a hold to settle. */
  #begin(
    hold: Hold,
    grant: Grant,
    { headers, mayHedge, maxTokens }: LimitAdmission,
    accounting: RequestAccounting,
  ): void {
    const reservation = new Reservation(hold, accounting)
    this.#accounting = accounting
    this.#reservation = reservation
    this.#sink.start(withCapHeader(headers, { grant, maxTokens }))
    const shared = this.#newContext(hold, { grant, reservation, maxTokens })
    this.#shared = shared
    // Brokers of a cascade share one number of attempts.
    this.#mayHedge = shared.hop === undefined ? mayHedge : false
    if ((this.#mayHedge ?? grant.candidates[0]?.mayHedge) !== true) return
    const hedges = hedgePolicyFor(this.#request, grant, this.#services.hedgePolicy)
    if (hedges !== undefined) this.#hedged = new HedgedAttempts(shared, hedges, reservation)
  }

  #newContext(
    { startedAt }: Hold,
    granted: Pick<AttemptContext, 'grant' | 'maxTokens'> & { readonly reservation: Reservation },
  ): AttemptContext {
    const { clock, hangUp, upstreamIds, providers } = this.#services
    return {
      request: this.#request,
      context: this.#context,
      sink: this.#sink,
      record: this.#record,
      ...granted,
      hangUp,
      clock,
      upstreamIds,
      providers,
      created: Math.floor(startedAt / 1000),
      deadlineAt: this.#deadlineAt,
      delivered: this.#request.mayResume === true ? new DeliveredText() : undefined,
      hop: this.#outgoingHop(),
    }
  }

  /** `undefined` for a request that neither comes from a broker nor may go to one. */
  #outgoingHop(): OutgoingHop | undefined {
    const { cascade } = this.#services
    const { hop, caller, headers } = this.#context
    if (cascade === undefined || (hop === undefined && !this.#request.candidates.some(isAtMother)))
      return undefined
    const { brokerId, maxAttempts } = cascade
    const restrictions = restrictionsOn(this.#services.accounting, caller, hop)
    const maxHops = Math.min(cascade.maxHops, ...restrictions.map((each) => each.maxHops ?? cascade.maxHops))
    return new OutgoingHop({
      brokerId,
      maxHops,
      policy: policyOf(restrictions),
      hop,
      caller,
      requestId: this.#sink.id,
      traceparent: headers?.[TRACE_HEADER],
      budget: new AttemptBudget(Math.min(hop?.attempts ?? maxAttempts, maxAttempts)),
    })
  }

  /**
   * Tries candidates until one responds, in the order that the retry policy decides. The outcome is that of the last attempt
   * that reached a provider.
   */
  async #tryCandidates(candidates: readonly Endpoint[]): Promise<AttemptOutcome> {
    const history: AttemptFailure<Endpoint>[] = []
    const readiness = readinessAt(this.#services.providers)
    for (;;) {
      if (this.#isOutOfAttempts) return outcomeOf(history)
      const step = nextStep({
        candidates,
        history,
        readiness,
        timeLeftMs: this.#timeLeftMs(),
        random: Math.random(),
      })
      if (step.type === 'stop') return history.length === 0 ? this.#outOfTime() : outcomeOf(history)
      const { candidate, afterMs } = step
      if (afterMs > 0 && !(await this.#waitFor(afterMs))) return DISCONNECTED
      const outcome = await this.#attemptAt(candidate)
      this.#countAttempt(candidate, outcome)
      if (outcome.type !== 'failed') return outcome
      const { error, isPartial, failures = [{ candidate, error }] } = outcome
      if (isPartial && isFinal(error)) return outcome
      if (isPartial) return this.#recover(candidates, failures.at(-1)?.candidate ?? candidate, outcome)
      if (error.details.refusal === 'foreign-thinking' && this.#shared !== undefined)
        this.#shared.withoutThinking = true
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
    const { providers } = this.#services
    const readiness = readinessAt(providers)
    const continues = (endpoint: Endpoint): boolean =>
      delivered.text !== '' && continuesFromPrefix(endpoint, this.#catalog, providers())
    const isSilent = failure.error.code === 'upstream-timeout'
    while (delivered.isRepeatable && this.#timeLeftMs() > 0 && !this.#isOutOfAttempts) {
      const next = nextRecovery({ candidates, broken, isSilent, tried, readiness, continues })
      if (next === undefined) break
      tried.push(next)
      const resumption = resumptionBy(next, this.#request.body, delivered.text, providers)
      const outcome = await this.#attemptAt(next.candidate, resumption)
      this.#countAttempt(next.candidate, outcome)
      if (outcome.type !== 'failed' || isFinal(outcome.error)) return outcome
    }
    return failure
  }

  get #isOutOfAttempts(): boolean {
    const budget = this.#shared?.hop?.budget
    return budget !== undefined && budget.left <= 0
  }

  #outOfTime(): AttemptOutcome {
    if (this.#timeLeftMs() > 0) return DISCONNECTED
    const error = new BrokerError('upstream-timeout', 'the deadline of the request has passed')
    return { type: 'failed', error, isPartial: false }
  }

  /** Counts a failed attempt where brokers of a cascade share the number of attempts. */
  #countAttempt(endpoint: Endpoint, outcome: AttemptOutcome): void {
    if (outcome.type === 'failed') this.#shared?.hop?.budget.spend(outcome.error, isAtMother(endpoint))
  }

  /** The error with the number of attempts that were made, for a broker below. */
  #withAttempts(error: BrokerError): BrokerError {
    const budget = this.#shared?.hop?.budget
    if (budget === undefined || this.#context.hop === undefined) return error
    return withDetails(error, { metadata: { ...error.details.metadata, attempts: budget.used } })
  }

  /** One attempt. When earlier ones may have to be paid, the hold is raised first, so that it covers all of them. */
  #attemptAt(endpoint: Endpoint, resumption?: Resumption): Promise<AttemptOutcome> {
    this.#throwIfStopped()
    const leases = this.#services.cascade?.leases
    return leases?.isLeased(endpoint.provider) === true
      ? this.#attemptUnderLease(leases, endpoint, resumption)
      : this.#attemptCovered(endpoint, resumption)
  }

  /** Takes what the attempt can cost out of the lease at a mother. One that she refuses is replaced, once. */
  async #attemptUnderLease(
    leases: LeaseTaker,
    endpoint: Endpoint,
    resumption: Resumption | undefined,
  ): Promise<AttemptOutcome> {
    const { shared } = this.#begun
    const { byteLength } = resumption?.body ?? this.#request.body
    this.#shares ??= new LeaseShares(leases)
    for (let tries = 1; ; tries++) {
      const share = await this.#shares.take(shared, endpoint, byteLength)
      if (share instanceof BrokerError)
        return { type: 'failed', error: share, isPartial: resumption !== undefined }
      this.#throwIfStopped()
      if (shared.hop !== undefined) shared.hop.lease = share.lease
      const outcome = await this.#attemptCovered(endpoint, resumption)
      if (shared.hop !== undefined) shared.hop.lease = undefined
      if (!isOverLease(outcome)) return outcome
      this.#shares.refuse(share)
      if (tries === 2) return outcome
    }
  }

  #attemptCovered(endpoint: Endpoint, resumption?: Resumption): Promise<AttemptOutcome> {
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
    if (resumption === undefined) {
      const hedged = this.#hedged ?? this.#trialBesideOther(endpoint)
      if (hedged !== undefined) return hedged.run(endpoint)
    }
    this.#attempt = new Attempt(this.#begun.shared, endpoint, resumption)
    return this.#attempt.run()
  }

  /** An endpoint that may not have recovered yet is tested beside another one, so that the caller does not wait for it. */
  #trialBesideOther(endpoint: Endpoint): HedgedAttempts | undefined {
    const { shared, reservation } = this.#begun
    if (shared.grant.candidates.length < 2 || this.#mayHedge === false) return undefined
    if (!this.#services.health.isOnTrial(endpoint.id)) return undefined
    const policy: HedgePolicy = {
      delayMs: (id) => (id === endpoint.id ? TRIAL_PATIENCE_MS : undefined),
      addRequest: () => undefined,
      acquire: () => true,
    }
    this.#hedged = new HedgedAttempts(shared, policy, reservation)
    return this.#hedged
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
    this.#sink.fail(
      this.#withAttempts(this.#routed(owed)),
      brokenResponse(this.#record, this.#services.providers()),
    )
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
    const settlement = this.#record.settlement(this.#services.tokenCounter)
    return isPending(settlement)
      ? settlement.then((its) => this.#close(reservation, its))
      : this.#close(reservation, settlement)
  }

  #close(reservation: Reservation, settlement: Settlement): void {
    this.#tokensUsed = tokensUsed(settlement)
    this.#services.endpointStats.record(settlement)
    this.#shares?.end(settlement)
    reservation.settle(settlement)
    this.#accounting?.budgetQueue?.freed()
  }

  /** Ends the request although its caller is still there. */
  stop(error: BrokerError): void {
    this.#stopped = error
    this.#attempt?.stop(error)
    this.#hedged?.stop(error)
    this.#wait?.stop()
  }

  #throwIfStopped(): void {
    if (this.#stopped !== undefined) throw withEarlierErrors(this.#stopped, this.#record)
  }

  #timeLeftMs(): number {
    return this.#deadlineAt - this.#services.clock.monotonic()
  }

  /** False when the caller disconnected meanwhile. */
  async #waitFor(ms: number): Promise<boolean> {
    const sink = this.#sink
    if (!sink.disconnected) {
      this.#wait = new CooldownWait(sink, this.#services.clock, ms)
      const isConnected = await this.#wait.ended
      this.#wait = undefined
      if (isConnected) return true
    }
    this.#record.add(CALLER_LEFT)
    return false
  }
}
