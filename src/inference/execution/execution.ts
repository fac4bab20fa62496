import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Catalog, Endpoint } from '../../catalog/catalog.ts'
import type { AttemptOutcome, RescueWalk, Walk } from '../../fallback/fallback.ts'
import type { RescueWay } from '../../fallback/stream-recovery.ts'
import type { Hold, Settlement } from '../../ledger/types.ts'
import type { Readiness } from '../../providers/keys/key-pool.ts'
import type { Provider } from '../../providers/provider.ts'
import { DEFAULT_LIMITS } from '../../providers/transport/timeouts.ts'
import type { AnswerSink, BrokenAnswer, CallerWatcher } from '../response/response-sink.ts'
import { asTold, mayCost } from './attempt-errors.ts'
import type { Asker } from '../request/request-context.ts'
import { Attempt, type Rescuing } from './attempt.ts'
import type { Books } from '../budget/accounting.ts'
import { coverBoth, coverNext } from './extend-hold.ts'
import type { Errand } from '../request/inference-request.ts'
import { shorteningOf, type Grant } from '../budget/affordable-candidates.ts'
import type { Hedges } from '../admission/hedge-budget.ts'
import { prefixBody } from './continuation-request.ts'
import { Race } from './hedged-attempts.ts'
import { AnswerRecord } from './request-record.ts'
import { compared, continued } from './resumed-stream.ts'
import type { Rooms } from '../services/services.ts'
import { withMetadata } from './openrouter-metadata.ts'
import type { Run } from './attempt-context.ts'
import type { Stoppable } from '../admission/in-flight.ts'
import { Told } from './delivered-text.ts'

/** Capability of a model, in the catalogue's words: it goes on from the beginning of an answer that it is given. */
const CONTINUES = 'assistant_prefix'

/** What was set aside for a request, and what it may use of it. */
export interface Booked {
  readonly hold: Hold
  readonly grant: Grant
  readonly books: Books
  /** When a second endpoint may be asked beside a slow one. */
  readonly hedges: Hedges | undefined
  /** For the head of the answer. */
  readonly headers: Readonly<Record<string, string>>
}

/** One request that has been booked, on its way through the candidates. One object, for every request makes one. */
export class Walker implements Stoppable, Walk<Endpoint>, CallerWatcher {
  place = -1
  candidates: readonly Endpoint[] = []
  rescue: RescueWalk<Endpoint> | undefined
  /** Known when it has ended. */
  tokensUsed = 0
  readonly #errand: Errand
  readonly #sink: AnswerSink
  readonly #asker: Asker
  readonly #rooms: Rooms
  readonly #catalog: Catalog
  readonly #record: AnswerRecord
  readonly #deadlineAt: number
  #run: Run | undefined
  #books: Books
  #hold: Hold | undefined
  #attempt: Attempt | undefined
  #race: Race | undefined
  #stopped: BrokerError | undefined
  /** Set while it waits for somebody to be fit again: ends the wait, with whether the caller is still there. */
  #wake: ((isThere: boolean) => void) | undefined

  constructor(errand: Errand, asker: Asker, sink: AnswerSink, rooms: Rooms) {
    const { clock, timeLimits = DEFAULT_LIMITS } = rooms
    this.#errand = errand
    this.#asker = asker
    this.#sink = sink
    this.#rooms = rooms
    this.#books = rooms
    this.#catalog = rooms.catalog()
    this.#record = new AnswerRecord(clock, this.#catalog.version)
    this.#deadlineAt = clock.monotonic() + timeLimits.wholeMs
  }

  stop(error: BrokerError): void {
    this.#stopped = error
    this.#attempt?.stop(error)
    this.#race?.stop(error)
    this.#wake?.(true)
  }

  /** From now on there is a hold to settle. */
  begin({ hold, grant, books, hedges, headers }: Booked): void {
    this.#hold = hold
    this.#books = books
    this.candidates = grant.candidates
    this.#sink.accept(withShortening(headers, grant))
    const run = this.#newRun(hold, grant)
    this.#run = run
    if (run.told !== undefined) this.rescue = this.#rescueWalk(run.told)
    if (hedges !== undefined) this.#race = this.#newRace(run, hedges)
  }

  broke(error: unknown): void {
    this.#record.broke(asBrokerError(error))
  }

  /** Settles the hold: at once, unless somebody is still being heard or tokens have to be counted. */
  end(): Promise<void> | undefined {
    if (this.#race !== undefined) return this.#race.over().then(() => this.#count())
    return this.#count()
  }

  #count(): Promise<void> | undefined {
    const hold = this.#hold
    if (hold === undefined) return undefined
    const counting = this.#record.settlement(hold.most, this.#rooms.tokenCounter)
    if (counting instanceof Promise) return counting.then((settlement) => this.#settle(hold, settlement))
    this.#settle(hold, counting)
    return undefined
  }

  #newRun({ startedAt }: Hold, grant: Grant): Run {
    const { clock, hangUp, upstreamIds, providers } = this.#rooms
    return {
      errand: this.#errand,
      asker: this.#asker,
      sink: this.#sink,
      record: this.#record,
      grant,
      hangUp,
      clock,
      upstreamIds,
      providers,
      created: Math.floor(startedAt / 1000),
      deadlineAt: this.#deadlineAt,
      told: this.#errand.mayBeRescued === true ? new Told() : undefined,
    }
  }

  /** How it ended. Throws what the caller can still be told as an error. */
  tell(outcome: AttemptOutcome<Endpoint>): void {
    if (outcome.type !== 'failed') return
    // A plain answer is told as a whole: what broke before is still unseen.
    if (!outcome.begun || !this.#errand.streamed) throw this.#routed(asTold(outcome.error, this.#record))
    const error = this.#record.mayOwe ? mayCost(outcome.error) : outcome.error
    this.#sink.fail(this.#routed(error), brokenAnswer(this.#record, this.#rooms.providers()))
  }

  #routed(error: BrokerError): BrokerError {
    const { providers } = this.#rooms
    return withMetadata(error, this.#asker, { errand: this.#errand, record: this.#record, providers })
  }

  #settle(hold: Hold, settlement: Settlement): void {
    const { usage } = settlement
    if (usage !== undefined) this.tokensUsed = usage.prompt + usage.completion
    this.#rooms.figures.note(settlement)
    // Nobody waits for the disk, and the ledger says itself what it couldn't write.
    this.#books.ledger.settle(hold, settlement).catch(() => undefined)
  }

  readonly readiness = ({ provider, modelId }: Endpoint): Readiness =>
    this.#rooms.providers().get(provider)?.readiness(modelId) ?? GONE

  readonly random = Math.random

  timeLeftMs(): number {
    return this.#deadlineAt - this.#rooms.clock.monotonic()
  }

  /** Of one candidate; whoever was asked before may be owed already, and then the hold has to cover both. */
  attempt(endpoint: Endpoint, rescuing?: Rescuing): Promise<AttemptOutcome<Endpoint>> {
    // Told to stop while nobody was being asked.
    if (this.#stopped !== undefined) throw asTold(this.#stopped, this.#record)
    return this.#record.mayOwe ? this.#coverAndAsk(endpoint, rescuing) : this.#ask(endpoint, rescuing)
  }

  async #coverAndAsk(endpoint: Endpoint, rescuing?: Rescuing): Promise<AttemptOutcome<Endpoint>> {
    const { byteLength } = rescuing?.body ?? this.#errand.body
    const { run, hold } = this.#begun
    const covered = await coverNext({ endpoint, byteLength }, hold, run, this.#books)
    if (covered === undefined) return unpaid(this.#record, rescuing !== undefined)
    this.#hold = covered
    if (this.#stopped !== undefined) throw asTold(this.#stopped, this.#record)
    return this.#ask(endpoint, rescuing)
  }

  #ask(endpoint: Endpoint, rescuing?: Rescuing): Promise<AttemptOutcome<Endpoint>> {
    if (this.#race !== undefined && rescuing === undefined) return this.#race.ask(endpoint)
    this.#attempt = new Attempt(this.#begun.run, endpoint, this.#providerOf(endpoint), rescuing)
    return this.#attempt.run()
  }

  get #begun(): { readonly run: Run; readonly hold: Hold } {
    const [run, hold] = [this.#run, this.#hold]
    if (run === undefined || hold === undefined) throw new Error('nothing was booked yet')
    return { run, hold }
  }

  #newRace(run: Run, hedges: Hedges): Race {
    return new Race({
      run,
      hedges,
      attempt: (its, endpoint) => new Attempt(its, endpoint, this.#providerOf(endpoint)),
      isReady: (endpoint) => this.readiness(endpoint).state === 'ready',
      cover: async (endpoint) => {
        const covered = await coverBoth(endpoint, this.#begun.hold, run, this.#books)
        this.#hold = covered ?? this.#hold
        return covered !== undefined
      },
    })
  }

  #rescueWalk(told: Told): RescueWalk<Endpoint> {
    return {
      isPossible: () => told.isRepeatable,
      continues: ({ model, provider }) =>
        told.text !== '' &&
        this.#catalog.models.get(model)?.capabilities.includes(CONTINUES) === true &&
        this.#rooms.providers().get(provider)?.prefixMarker !== 'none',
      attempt: ({ candidate, way }) =>
        this.attempt(candidate, rescuing(way, told, this.#errand, this.#providerOf(candidate))),
    }
  }

  /** As it is now: a reload may have built it anew, or taken it away, since the request began. */
  #providerOf(endpoint: Endpoint): Provider {
    const provider = this.#rooms.providers().get(endpoint.provider)
    if (provider === undefined)
      throw new BrokerError('upstream-down', `${endpoint.provider} is not set up here any more`)
    return provider
  }

  wait(ms: number): Promise<boolean> {
    const sink = this.#sink
    if (sink.isGone) {
      this.#record.gone()
      return Promise.resolve(false)
    }
    return new Promise((resolve) => {
      const cancel = this.#rooms.clock.after(ms, () => this.#wake?.(true))
      this.#wake = (isThere) => {
        cancel()
        sink.watcher = undefined
        this.#wake = undefined
        resolve(isThere)
      }
      sink.watcher = this
    })
  }

  callerReady(): void {}

  /** While nobody is being asked. */
  callerGone(): void {
    this.#record.gone()
    this.#wake?.(false)
  }
}

/** What went wrong before stays what the caller is told. */
function unpaid({ lastError }: AnswerRecord, begun: boolean): AttemptOutcome {
  const error =
    lastError ??
    new BrokerError('upstream-failed', 'the answer is not whole, and the budget affords nobody to mend it')
  return { type: 'failed', error, begun }
}

/** Told ahead of the answer, so for the first candidate. */
function withShortening(
  headers: Readonly<Record<string, string>>,
  grant: Grant,
): Readonly<Record<string, string>> {
  const shortening = shorteningOf(grant, grant.candidates[0])
  if (shortening === undefined) return headers
  const limited = `max_tokens=${shortening.max_tokens}; budget=${shortening.budget}`
  return { ...headers, 'x-aibroker-limited': limited }
}

function rescuing(way: RescueWay, { text }: Told, { body }: Errand, provider: Provider): Rescuing {
  return way === 'restart'
    ? { body, replay: compared(text) }
    : { body: prefixBody(body, text, provider.prefixMarker), replay: continued(text) }
}

function brokenAnswer(record: AnswerRecord, providers: ReadonlyMap<string, Provider>): BrokenAnswer {
  const endpoint = record.answering
  return {
    model: endpoint?.model ?? '',
    provider: endpoint === undefined ? undefined : providers.get(endpoint.provider)?.displayName,
  }
}

/** Of a provider that a reload took away. */
const GONE: Readiness = { state: 'resting', readyInMs: Number.POSITIVE_INFINITY, reason: undefined }
