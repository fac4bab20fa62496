import { asBrokerError, BrokerError } from '../base/errors.ts'
import { generationId } from '../base/ids.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { fallback, type AttemptOutcome } from '../fallback/fallback.ts'
import type { Provider } from '../providers/provider.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { Attempt } from './attempt.ts'
import type { Errand } from './errand.ts'
import { AnswerRecord } from './record.ts'
import type { Rooms } from './rooms.ts'

/**
 * Takes one errand over its candidates: hold, ask, settle. Throws a `BrokerError` as long as the caller has seen
 * nothing; after that a failure goes into the stream. Whatever happens, the hold is settled.
 */
export async function walk(errand: Errand, asker: Asker, sink: AnswerSink, rooms: Rooms): Promise<void> {
  const { ledger, clock } = rooms
  const providers = rooms.providers()
  let attempt: Attempt | undefined
  using _ = rooms.running.enter((error) => attempt?.stop(error))
  const record = new AnswerRecord(clock, asker, rooms.catalog().version)
  const hold = await ledger.hold({
    id: generationId(clock.now()),
    caller: asker.caller,
    kind: errand.kind,
    modelAsked: errand.modelAsked,
    streamed: errand.streamed,
    most: errand.most,
    startedAt: clock.now(),
  })
  try {
    sink.accept(hold.id)
    const run = { id: hold.id, errand, asker, sink, record }
    const ask = (endpoint: Endpoint): Promise<AttemptOutcome> => {
      attempt = new Attempt(run, endpoint, providerOf(endpoint, providers))
      return attempt.run()
    }
    const outcome = await fallback(errand.candidates, ask)
    if (outcome.type !== 'failed') return
    if (!outcome.begun) throw outcome.error
    sink.fail(outcome.error)
  } catch (error) {
    record.broke(asBrokerError(error))
    throw error
  } finally {
    await ledger.settle(hold, record.settlement())
  }
}

function providerOf(endpoint: Endpoint, providers: ReadonlyMap<string, Provider>): Provider {
  const provider = providers.get(endpoint.provider)
  if (provider === undefined)
    throw new BrokerError('internal', `routing chose ${endpoint.id}, which has no provider`)
  return provider
}
