import type { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { AttemptFailure } from '../../fallback/retry-policy.ts'
import type { HedgePolicy } from '../admission/hedge-budget.ts'
import { ForwardingSink } from '../response/forwarding-sink.ts'
import type { CallerWatcher } from '../response/response-sink.ts'
import { Attempt } from './attempt.ts'
import { readinessOf, type AttemptContext } from './attempt-context.ts'
import type { AttemptOutcome } from './attempt-outcome.ts'
import type { Reservation } from './reservation.ts'

/** One of the attempts that run at the same time. */
interface Hedge {
  readonly endpoint: Endpoint
  readonly attempt: Attempt
  readonly sink: HedgeSink
  isOutrun: boolean
}

/**
 * Attempts of one request, of which one may be joined by a second: when an endpoint is late with its first chunk by its
 * own measure, the next available candidate is tried as well, once in a request and within the budget of extra requests.
 * The first to send a chunk is delivered; the other one is left, and what it may bill is part of the ledger's entry.
 */
export class HedgedAttempts implements CallerWatcher {
  readonly #shared: AttemptContext
  readonly #hedges: HedgePolicy
  readonly #reservation: Reservation
  readonly #endings: Promise<unknown>[] = []
  #running: Hedge[] = []
  #failures: AttemptFailure<Endpoint>[] = []
  #cancel: () => void = () => undefined
  #resolve: (outcome: AttemptOutcome) => void = () => undefined
  /** Once in a request. */
  #hasHedged = false
  /** One attempt has sent its first chunk. */
  #isResponding = false
  /** The hold is being raised; the request must not go on with the old one meanwhile. */
  #isCovering = false
  #decided: AttemptOutcome | undefined

  constructor(shared: AttemptContext, hedges: HedgePolicy, reservation: Reservation) {
    this.#shared = shared
    this.#hedges = hedges
    this.#reservation = reservation
  }

  /** Tries the endpoint, and maybe another one beside it. Never rejects. */
  run(endpoint: Endpoint): Promise<AttemptOutcome> {
    const { sink, clock } = this.#shared
    this.#failures = []
    this.#isResponding = false
    this.#decided = undefined
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome>()
    this.#resolve = resolve
    sink.watcher = this
    this.#start(endpoint)
    const patienceMs = this.#hasHedged ? undefined : this.#hedges.delayMs(endpoint.id)
    if (patienceMs !== undefined)
      this.#cancel = clock.after(patienceMs, () => {
        this.#endings.push(this.#hedge(endpoint))
      })
    return promise
  }

  /** Ends all of them although the caller is still there. */
  stop(error: BrokerError): void {
    this.#cancel()
    for (const { attempt } of this.#running) attempt.stop(error)
  }

  /** Resolves when no attempt runs any more, not even one that is only drained for its usage. */
  async ended(): Promise<void> {
    await Promise.all(this.#endings)
  }

  /** The attempt that is delivered, or the first that may still be. */
  get #leading(): Hedge | undefined {
    return this.#running.find(({ isOutrun }) => !isOutrun)
  }

  #start(endpoint: Endpoint): void {
    const sink = new HedgeSink(this.#shared.sink)
    const onBegin = (): void => this.#responds(hedge)
    const attempt = new Attempt({ ...this.#shared, sink, onBegin }, endpoint)
    const hedge: Hedge = { endpoint, sink, attempt, isOutrun: false }
    this.#running.push(hedge)
    this.#endings.push(attempt.run().then((outcome) => this.#ended(hedge, outcome)))
  }

  async #hedge(slow: Endpoint): Promise<void> {
    const { record, grant, providers, sink } = this.#shared
    const tried = new Set(record.attempts.map(({ endpoint }) => endpoint)).add(slow.id)
    const next = grant.candidates.find(
      (candidate) => !tried.has(candidate.id) && readinessOf(providers, candidate).state === 'ready',
    )
    if (next === undefined || !this.#hedges.acquire()) return
    this.#hasHedged = true
    this.#isCovering = true
    // Whatever fails in the accounting, the request goes on with the attempt that is running.
    const isCovered = await this.#reservation.coverBoth(this.#shared, next).catch(() => false)
    this.#isCovering = false
    if (this.#decided !== undefined) this.#end(this.#decided)
    else if (isCovered && !this.#isResponding && !sink.disconnected) this.#start(next)
  }

  #responds(hedge: Hedge): void {
    this.#isResponding = true
    this.#cancel()
    for (const other of this.#running) if (other !== hedge) this.#outrun(other)
  }

  #outrun(hedge: Hedge): void {
    if (hedge.isOutrun) return
    hedge.isOutrun = true
    hedge.attempt.outrun()
  }

  onDrain(): void {
    this.#leading?.sink.watcher?.onDrain()
  }

  onDisconnect(): void {
    this.#cancel()
    const [first, ...others] = this.#running.filter(({ isOutrun }) => !isOutrun)
    for (const other of others) this.#outrun(other)
    first?.sink.watcher?.onDisconnect()
  }

  #ended(hedge: Hedge, outcome: AttemptOutcome): void {
    this.#running = this.#running.filter((other) => other !== hedge)
    if (hedge.isOutrun) return
    if (outcome.type !== 'failed') return this.#end(outcome)
    this.#failures.push({ candidate: hedge.endpoint, error: outcome.error })
    if (outcome.isPartial || this.#leading === undefined) this.#end({ ...outcome, failures: this.#failures })
  }

  #end(outcome: AttemptOutcome): void {
    this.#decided = outcome
    if (this.#isCovering) return
    this.#cancel()
    this.#shared.sink.watcher = undefined
    this.#resolve(outcome)
  }
}

/** The caller's sink as one attempt sees it: each has its own watcher, and `HedgedAttempts` passes on to one of them. */
class HedgeSink extends ForwardingSink {
  #watcher: CallerWatcher | undefined

  override get watcher(): CallerWatcher | undefined {
    return this.#watcher
  }

  override set watcher(watcher: CallerWatcher | undefined) {
    this.#watcher = watcher
  }
}
