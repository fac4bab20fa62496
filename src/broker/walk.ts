import { asBrokerError, BrokerError, ERRORS } from '../base/errors.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { fallback, type AttemptOutcome } from '../fallback/fallback.ts'
import type { Settlement } from '../ledger/ledger-types.ts'
import type { Provider } from '../providers/provider.ts'
import type { AnswerSink, BrokenAnswer } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { Attempt } from './attempt.ts'
import type { Errand } from './errand.ts'
import { grantFor, shorteningOf, type Grant } from './grant.ts'
import { AnswerRecord } from './record.ts'
import type { Rooms } from './rooms.ts'

/**
 * Takes one errand over its candidates: hold, ask, settle. Throws a `BrokerError` as long as the caller has seen
 * nothing; after that a failure goes into the stream. Whatever happens, the hold is settled.
 */
export async function walk(errand: Errand, asker: Asker, sink: AnswerSink, rooms: Rooms): Promise<void> {
  const { ledger, clock, limits } = rooms
  const { caller } = asker
  const providers = rooms.providers()
  let attempt: Attempt | undefined
  using _ = rooms.running.enter((error) => attempt?.stop(error))
  const record = new AnswerRecord(clock, rooms.catalog().version)
  const admission = limits.admit(caller, Math.ceil(errand.body.byteLength / BYTES_PER_TOKEN))
  using leaving = new DisposableStack()
  let tokensUsed = 0
  leaving.defer(() => admission.leave(tokensUsed))
  // Nothing waits between the look at the balance and the hold, so nobody else can hold the same money.
  const grant = grantFor(errand, limits.allowance(caller))
  const hold = await ledger.hold({
    id: sink.id,
    caller,
    kind: errand.kind,
    modelAsked: errand.modelAsked,
    streamed: errand.streamed,
    most: grant.most,
    startedAt: clock.now(),
    referer: asker.referer,
    title: asker.title,
  })
  try {
    sink.accept({ ...admission.headers, ...shorteningHeader(grant) })
    const { hangUp } = rooms
    const run = {
      errand,
      asker,
      sink,
      record,
      grant,
      clock,
      hangUp,
      created: Math.floor(hold.startedAt / 1000),
    }
    const ask = (endpoint: Endpoint): Promise<AttemptOutcome> => {
      attempt = new Attempt(run, endpoint, providerOf(endpoint, providers))
      return attempt.run()
    }
    const outcome = await fallback(grant.candidates, ask)
    if (outcome.type !== 'failed') return
    if (!outcome.begun) throw withEarlier(outcome.error, record.errors)
    sink.fail(outcome.error, brokenAnswer(record, providers))
  } catch (error) {
    record.broke(asBrokerError(error))
    throw error
  } finally {
    const settlement = await record.settlement({
      body: errand.body,
      held: grant.most,
      counter: rooms.tokenCounter,
    })
    tokensUsed = tokensOf(settlement)
    rooms.figures.note(settlement)
    await ledger.settle(hold, settlement)
  }
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

function providerOf(endpoint: Endpoint, providers: ReadonlyMap<string, Provider>): Provider {
  const provider = providers.get(endpoint.provider)
  if (provider === undefined)
    throw new BrokerError('internal', `routing chose ${endpoint.id}, which has no provider`)
  return provider
}
