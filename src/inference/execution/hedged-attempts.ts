import type { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { AttemptOutcome } from '../../fallback/fallback.ts'
import type { Tried } from '../../fallback/retry-policy.ts'
import type { AnswerSink, BrokenAnswer, CallerWatcher } from '../response/response-sink.ts'
import type { Attempt } from './attempt.ts'
import type { Run } from './attempt-context.ts'
import type { Hedges } from '../admission/hedge-budget.ts'

export interface RaceParts {
  readonly run: Run
  readonly hedges: Hedges
  /** A new attempt at an endpoint. */
  readonly attempt: (run: Run, endpoint: Endpoint) => Attempt
  /** Whether an endpoint may be asked at once. */
  readonly isReady: (endpoint: Endpoint) => boolean
  /** Sets aside what it can cost as well; false when that can't be had. */
  readonly cover: (endpoint: Endpoint) => Promise<boolean>
}

/** One of those who are asked at the same time. */
interface Runner {
  readonly endpoint: Endpoint
  readonly attempt: Attempt
  readonly lane: Lane
  isOutrun: boolean
}

/**
 * Attempts of one request, of which one may be joined by a second: when an endpoint is late with its first word by its
 * own measure, the next fit candidate is asked as well, once in a request and within the budget of extra requests. The
 * first to speak is heard; the other one is left, and what it may bill is booked with the row.
 */
export class Race implements CallerWatcher {
  readonly #parts: RaceParts
  readonly #endings: Promise<unknown>[] = []
  #running: Runner[] = []
  #failures: Tried<Endpoint>[] = []
  #cancel: () => void = () => undefined
  #resolve: (outcome: AttemptOutcome<Endpoint>) => void = () => undefined
  #hasHedged = false
  #isHeard = false
  /** The books are being asked for more; nobody may go on with the old hold meanwhile. */
  #isCovering = false
  #decided: AttemptOutcome<Endpoint> | undefined

  constructor(parts: RaceParts) {
    this.#parts = parts
  }

  /** Asks the endpoint, and maybe another one. Never rejects. */
  ask(endpoint: Endpoint): Promise<AttemptOutcome<Endpoint>> {
    const { run, hedges } = this.#parts
    this.#failures = []
    this.#isHeard = false
    this.#decided = undefined
    const { promise, resolve } = Promise.withResolvers<AttemptOutcome<Endpoint>>()
    this.#resolve = resolve
    run.sink.watcher = this
    this.#start(endpoint)
    const patienceMs = this.#hasHedged ? undefined : hedges.patienceMs(endpoint.id)
    if (patienceMs !== undefined)
      this.#cancel = run.clock.after(patienceMs, () => {
        this.#endings.push(this.#hedge(endpoint))
      })
    return promise
  }

  /** Breaks all of them off although the caller is still there. */
  stop(error: BrokerError): void {
    this.#cancel()
    for (const { attempt } of this.#running) attempt.stop(error)
  }

  /** Resolves when nobody is being asked any more, be it for its counts only. */
  async over(): Promise<void> {
    await Promise.all(this.#endings)
  }

  get #heard(): Runner | undefined {
    return this.#running.find(({ isOutrun }) => !isOutrun)
  }

  #start(endpoint: Endpoint): void {
    const { run, attempt: newAttempt } = this.#parts
    const lane = new Lane(run.sink)
    const onBegin = (): void => this.#speaks(runner)
    const runner: Runner = {
      endpoint,
      lane,
      attempt: newAttempt({ ...run, sink: lane, onBegin }, endpoint),
      isOutrun: false,
    }
    this.#running.push(runner)
    this.#endings.push(runner.attempt.run().then((outcome) => this.#ended(runner, outcome)))
  }

  async #hedge(slow: Endpoint): Promise<void> {
    const { run, hedges, isReady, cover } = this.#parts
    const tried = new Set(run.record.attempts.map(({ endpoint }) => endpoint)).add(slow.id)
    const next = run.grant.candidates.find((candidate) => !tried.has(candidate.id) && isReady(candidate))
    if (next === undefined || !hedges.take()) return
    this.#hasHedged = true
    this.#isCovering = true
    // Whatever is wrong with the books, the request goes on with the one that is being asked.
    const isCovered = await cover(next).catch(() => false)
    this.#isCovering = false
    if (this.#decided !== undefined) this.#end(this.#decided)
    else if (isCovered && !this.#isHeard && !run.sink.isGone) this.#start(next)
  }

  #speaks(runner: Runner): void {
    this.#isHeard = true
    this.#cancel()
    for (const other of this.#running) if (other !== runner) this.#outrun(other)
  }

  #outrun(runner: Runner): void {
    if (runner.isOutrun) return
    runner.isOutrun = true
    runner.attempt.outrun()
  }

  callerReady(): void {
    this.#heard?.lane.watcher?.callerReady()
  }

  callerGone(): void {
    this.#cancel()
    const [first, ...others] = this.#running.filter(({ isOutrun }) => !isOutrun)
    for (const other of others) this.#outrun(other)
    first?.lane.watcher?.callerGone()
  }

  #ended(runner: Runner, outcome: AttemptOutcome): void {
    this.#running = this.#running.filter((other) => other !== runner)
    if (runner.isOutrun) return
    if (outcome.type !== 'failed') return this.#end(outcome)
    this.#failures.push({ candidate: runner.endpoint, error: outcome.error })
    if (outcome.begun || this.#heard === undefined) this.#end({ ...outcome, failures: this.#failures })
  }

  #end(outcome: AttemptOutcome<Endpoint>): void {
    const { sink } = this.#parts.run
    this.#decided = outcome
    if (this.#isCovering) return
    this.#cancel()
    sink.watcher = undefined
    this.#resolve(outcome)
  }
}

/** The way of one attempt to the sink that both share: only what it is told belongs to the attempt alone. */
class Lane implements AnswerSink {
  readonly #sink: AnswerSink
  watcher: CallerWatcher | undefined

  constructor(sink: AnswerSink) {
    this.#sink = sink
  }

  get id(): string {
    return this.#sink.id
  }

  get isGone(): boolean {
    return this.#sink.isGone
  }

  accept(headers: Readonly<Record<string, string>>): void {
    this.#sink.accept(headers)
  }

  tried(endpoints: readonly string[]): void {
    this.#sink.tried?.(endpoints)
  }

  chunk(json: string): boolean {
    return this.#sink.chunk(json)
  }

  answer(json: string): void {
    this.#sink.answer(json)
  }

  end(): void {
    this.#sink.end()
  }

  fail(error: BrokerError, about: BrokenAnswer): void {
    this.#sink.fail(error, about)
  }
}
