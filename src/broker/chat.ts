import type { Clock } from '../base/clock.ts'
import { asBrokerError, BrokerError } from '../base/errors.ts'
import { generationId } from '../base/ids.ts'
import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import { fallback } from '../fallback/fallback.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Provider } from '../providers/provider.ts'
import type { Strategy } from '../routing/resolve-model.ts'
import { route } from '../routing/route.ts'
import type { ChatRequest } from '../wire/chat.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { ChatAttempt } from './chat-attempt.ts'
import { ChatRecord } from './chat-record.ts'
import { mostItCanTake } from './most-it-can-take.ts'

/** The rooms below, as the daemon built them. The catalogue and the providers may be new ones after a reload. */
export interface Rooms {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  readonly ledger: Ledger
  readonly clock: Clock
  readonly strategy: Strategy
  /** What providers are told of callers that don't introduce their app. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
}

/**
 * Answers one chat request. Throws a `BrokerError` as long as the caller has seen nothing; after that a failure goes
 * into the stream. Whatever happens, the hold is settled.
 */
export async function chat(
  request: ChatRequest,
  asker: Asker,
  sink: AnswerSink,
  rooms: Rooms,
): Promise<void> {
  const providers = rooms.providers()
  const catalog = rooms.catalog()
  const query = { model: request.model, kind: 'chat', strategy: rooms.strategy } as const
  const candidates = route(query, catalog, providers)
  const record = new ChatRecord(rooms.clock, asker, catalog.version)
  const hold = await rooms.ledger.hold({
    id: generationId(rooms.clock.now()),
    caller: asker.caller,
    kind: 'chat',
    modelAsked: request.model,
    streamed: request.streamed,
    most: mostItCanTake(request, candidates),
    startedAt: rooms.clock.now(),
  })
  try {
    sink.accept(hold.id)
    const ask = (endpoint: Endpoint): Promise<Awaited<ReturnType<ChatAttempt['run']>>> =>
      new ChatAttempt(
        { request, asker, sink, record, id: hold.id },
        endpoint,
        providerOf(endpoint, providers),
      ).run()
    const outcome = await fallback(candidates, ask)
    if (outcome.type !== 'failed') return
    if (!outcome.begun) throw outcome.error
    sink.fail(outcome.error)
  } catch (error) {
    record.broke(asBrokerError(error))
    throw error
  } finally {
    await rooms.ledger.settle(hold, record.settlement())
  }
}

function providerOf(endpoint: Endpoint, providers: ReadonlyMap<string, Provider>): Provider {
  const provider = providers.get(endpoint.provider)
  if (provider === undefined)
    throw new BrokerError('internal', `routing chose ${endpoint.id}, which has no provider`)
  return provider
}
