import type { Clock } from '../base/clock.ts'
import { asBrokerError, BrokerError, ERRORS } from '../base/errors.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { fallback, type AttemptOutcome } from '../fallback/fallback.ts'
import type { RescueWay } from '../fallback/next-rescue.ts'
import type { Settlement } from '../ledger/ledger-types.ts'
import type { Readiness } from '../providers/key-pool.ts'
import type { Provider } from '../providers/provider.ts'
import { DEFAULT_LIMITS } from '../providers/time-limits.ts'
import type { AnswerSink, BrokenAnswer } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { Attempt, type Rescuing } from './attempt.ts'
import { coverBoth, coverNext } from './cover-next.ts'
import type { Errand } from './errand.ts'
import { grantFor, shorteningOf, type Grant } from './grant.ts'
import { hedgesFor } from './hedges.ts'
import { prefixBody } from './prefix-body.ts'
import { Race } from './race.ts'
import { AnswerRecord } from './record.ts'
import { compared, continued } from './replay.ts'
import type { Rooms } from './rooms.ts'
import { Told } from './told.ts'

/** Capability of a model, in the catalogue's words: it goes on from the beginning of an answer that it is given. */
const CONTINUES = 'assistant_prefix'

/**
 * Takes one errand over its candidates: hold, ask, settle. Throws a `BrokerError` as long as the caller has seen
 * nothing; after that a failure goes into the stream. Whatever happens, the hold is settled.
 */
export async function walk(errand: Errand, asker: Asker, sink: AnswerSink, rooms: Rooms): Promise<void> {
  const { clock, hangUp } = rooms
  const { caller } = asker
  let attempt: Attempt | undefined
  let race: Race | undefined
  let stopped: BrokerError | undefined
  let wake = (): void => undefined
  using _ = rooms.running.enter((error) => {
    stopped = error
    attempt?.stop(error)
    race?.stop(error)
    wake()
  })
  const catalog = rooms.catalog()
  const record = new AnswerRecord(clock, catalog.version)
  const deadlineAt = clock.monotonic() + (rooms.timeLimits ?? DEFAULT_LIMITS).wholeMs
  const tokens = Math.ceil(errand.body.byteLength / BYTES_PER_TOKEN)
  const { ledger, limits } =
    rooms.bookAhead === undefined ? rooms : await rooms.bookAhead({ errand, asker, id: sink.id, tokens })
  const admission = limits.admit(caller, tokens)
  let tokensUsed = 0
  using _left = { [Symbol.dispose]: () => admission.leave(tokensUsed) }
  // Nothing waits between the look at the balance and the hold, so nobody else can hold the same money.
  const grant = grantFor(errand, limits.allowance(caller))
  const mayHedge = admission.mayHedge ?? grant.candidates[0]?.mayHedge
  const hedges = mayHedge === true ? hedgesFor(errand, grant, rooms.hedges) : undefined
  let hold = await ledger.hold({
    id: sink.id,
    caller,
    kind: errand.kind,
    modelAsked: errand.modelAsked,
    streamed: errand.streamed,
    most: grant.most,
    startedAt: clock.now(),
    referer: asker.referer,
    title: asker.title,
    group: errand.group,
  })
  try {
    sink.accept({ ...admission.headers, ...shorteningHeader(grant) })
    const told = errand.mayBeRescued === true ? new Told() : undefined
    const created = Math.floor(hold.startedAt / 1000)
    const { upstreamIds, providers } = rooms
    const readiness = ({ provider, modelId }: Endpoint): Readiness =>
      providers().get(provider)?.readiness(modelId) ?? GONE
    const run = {
      errand,
      asker,
      sink,
      record,
      grant,
      hangUp,
      clock,
      upstreamIds,
      providers,
      created,
      deadlineAt,
      told,
    }
    if (hedges !== undefined)
      race = new Race({
        run,
        hedges,
        attempt: (its, endpoint) => new Attempt(its, endpoint, providerOf(endpoint, rooms)),
        isReady: (endpoint) => readiness(endpoint).state === 'ready',
        async cover(endpoint) {
          const covered = await coverBoth(endpoint, hold, run, { ledger, limits })
          hold = covered ?? hold
          return covered !== undefined
        },
      })
    const ask = (
      endpoint: Endpoint,
      rescuing?: Rescuing,
      isCovered = !record.mayOwe,
    ): Promise<AttemptOutcome<Endpoint>> => {
      // Told to stop while nobody was being asked.
      if (stopped !== undefined) throw stopped
      if (!isCovered) {
        const { byteLength } = rescuing?.body ?? errand.body
        return coverNext({ endpoint, byteLength }, hold, run, { ledger, limits }).then((covered) => {
          if (covered === undefined) return unpaid(record, rescuing !== undefined)
          hold = covered
          return ask(endpoint, rescuing, true)
        })
      }
      if (race !== undefined && rescuing === undefined) return race.ask(endpoint)
      attempt = new Attempt(run, endpoint, providerOf(endpoint, rooms), rescuing)
      return attempt.run()
    }
    const outcome = await fallback({
      candidates: grant.candidates,
      attempt: ask,
      readiness,
      wait: (ms) => waitFor(ms, clock, sink, record, (early) => (wake = early)),
      timeLeftMs: () => deadlineAt - clock.monotonic(),
      random: Math.random,
      rescue: told && {
        isPossible: () => told.isRepeatable,
        continues: ({ model, provider }) =>
          told.text !== '' &&
          catalog.models.get(model)?.capabilities.includes(CONTINUES) === true &&
          rooms.providers().get(provider)?.prefixMarker !== 'none',
        attempt: ({ candidate, way }) =>
          ask(candidate, rescuing(way, told, errand, providerOf(candidate, rooms))),
      },
    })
    if (outcome.type !== 'failed') return
    // A plain answer is told as a whole: what broke before is still unseen.
    if (!outcome.begun || !errand.streamed) throw withEarlier(outcome.error, record.errors)
    sink.fail(outcome.error, brokenAnswer(record, rooms.providers()))
  } catch (error) {
    record.broke(asBrokerError(error))
    throw error
  } finally {
    if (race !== undefined) await race.over()
    const counting = record.settlement(hold.most, rooms.tokenCounter)
    const settlement = counting instanceof Promise ? await counting : counting
    tokensUsed = tokensOf(settlement)
    rooms.figures.note(settlement)
    // Nobody waits for the disk. What can't be written stays an open hold, and is booked at the next start.
    ledger.settle(hold, settlement).catch(() => undefined)
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
function shorteningHeader(grant: Grant): Record<string, string> {
  const shortening = shorteningOf(grant, grant.candidates[0])
  if (shortening === undefined) return {}
  return { 'x-aibroker-limited': `max_tokens=${shortening.max_tokens}; budget=${shortening.budget}` }
}

/** The rule of thumb for what a prompt will count; what it did count is taken when it is known. */
const BYTES_PER_TOKEN = 4

function tokensOf({ usage }: Settlement): number {
  return usage === undefined ? 0 : usage.prompt + usage.completion
}

/** False when the caller left meanwhile. */
function waitFor(
  ms: number,
  clock: Clock,
  sink: AnswerSink,
  record: AnswerRecord,
  onWait: (early: () => void) => void,
): Promise<boolean> {
  if (sink.isGone) {
    record.gone()
    return Promise.resolve(false)
  }
  return new Promise((resolve) => {
    const goOn = (): void => {
      cancel()
      sink.watcher = undefined
      resolve(true)
    }
    const cancel = clock.after(ms, goOn)
    onWait(goOn)
    sink.watcher = {
      callerReady: () => undefined,
      callerGone() {
        cancel()
        record.gone()
        resolve(false)
      },
    }
  })
}

function rescuing(way: RescueWay, { text }: Told, { body }: Errand, provider: Provider): Rescuing {
  return way === 'restart'
    ? { body, replay: compared(text) }
    : { body: prefixBody(body, text, provider.prefixMarker), replay: continued(text) }
}

/** The error of the last attempt, with those before it in its metadata, as OpenRouter tells them. */
function withEarlier(error: BrokerError, errors: readonly BrokerError[]): BrokerError {
  const earlier = errors.filter((other) => other !== error)
  if (earlier.length === 0) return error
  const previous_errors = earlier.map(({ code, message, details: { provider, raw, status } }) => ({
    code: status ?? ERRORS[code].http,
    message,
    provider_name: provider,
    raw,
  }))
  const details = { ...error.details, metadata: { ...error.details.metadata, previous_errors } }
  return new BrokerError(error.code, error.message, { cause: error.cause, details })
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

/** As it is now: a reload may have built it anew, or taken it away, since the request began. */
function providerOf(endpoint: Endpoint, rooms: Rooms): Provider {
  const provider = rooms.providers().get(endpoint.provider)
  if (provider === undefined)
    throw new BrokerError('upstream-down', `${endpoint.provider} is not set up here any more`)
  return provider
}
