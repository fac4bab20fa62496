import { asBrokerError, withDetails, type BrokerError } from '../../../base/errors.ts'
import { CASCADE_HEADER } from '../../../cascade/hop/hop-headers.ts'
import { admitReplay, permitStoredResponse, type ReplayRequest } from '../../../inference/permit-replay.ts'
import type { FirstClaim, StoredResponse } from '../../../inference/replay/idempotency.ts'
import type { ReplayServices } from '../../../inference/services/services.ts'
import { parseJsonBody } from '../../../wire/json/json-body.ts'
import { createCachingParser } from '../../../wire/openai/tools-cache.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../http/node/request-types.ts'
import { authenticate } from '../../http/authenticate.ts'
import { withResponseCache } from './cached-response.ts'
import { HttpResponseSink, type InferenceHandler } from './http-response-sink.ts'
import { RecordingSink, idempotentRequestOf, replayResponse } from './idempotent-response.ts'
import { requestedModels } from './requested-models.ts'
import type { ApiShape } from '../shapes/api-shape.ts'
import type { BodyReader, InferenceRouteParts } from './route-parts.ts'

/**
 * Runs a request and writes its response to the reply. The handler reads the body, prepares the sink and runs the request. An
 * error becomes the status, or an event when the stream has begun. Repeats of a request with an `Idempotency-Key` get
 * the response of the first one, if the caller's rules still allow it.
 */
export async function respond(
  reply: HttpReply,
  { services, replay, shape }: Pick<InferenceRouteParts, 'services' | 'replay' | 'shape'>,
  infer: InferenceHandler,
  own?: ReceivedBody,
): Promise<void> {
  const received = own ?? jsonBodyOf(reply.request, shape)
  const turn = replay === undefined ? undefined : await claimOf(reply, replay, received)
  if (turn?.type === 'again')
    return respondAgain(reply, { services, replay: turn.replay, shape, received }, turn.response)
  const sink = new HttpResponseSink(reply, shape, services.clock)
  try {
    const cached = received.isCacheable
      ? withResponseCache(reply, { services, replay, shape }, infer)
      : undefined
    await (turn === undefined ? (cached ?? infer)(sink) : respondIdempotently(sink, turn, infer))
    sink.abandonIfDisconnected()
  } catch (error) {
    const failure = forBroker(asBrokerError(error), reply.request)
    if (!sink.reportError(failure)) {
      if (failure.code === 'internal') throw error
      throw shape.readRequest === undefined ? failure : withDetails(failure, { requestId: sink.id })
    }
    if (failure.code === 'internal') reply.request.server.reportBug(reply.request, error)
  }
}

/** What repeats of a request are recognized by, and what it requests. */
export interface ReceivedBody {
  readonly content: () => Uint8Array | string
  query(): ReplayRequest['query']
  /** Its responses may be cached. */
  readonly isCacheable: boolean
}

function jsonBodyOf(request: HttpRequest, shape: ApiShape): ReceivedBody {
  return {
    content: () => bytesOf(request),
    query: () => requestedModels(request, parseJsonBody(bytesOf(request)), shape),
    isCacheable: true,
  }
}

/** A broker below is told how many attempts at providers were made: none, unless the error says so. */
function forBroker(error: BrokerError, { headers }: HttpRequest): BrokerError {
  const { metadata } = error.details
  if (headers[CASCADE_HEADER] === undefined || metadata?.['attempts'] !== undefined) return error
  return withDetails(error, { metadata: { ...metadata, attempts: 0 } })
}

/** The claim of a request with an `Idempotency-Key`: the first of its key, or a repeat. */
async function claimOf(reply: HttpReply, replay: ReplayServices, { content }: ReceivedBody) {
  const repeatable = idempotentRequestOf(reply.request, content)
  const turn = repeatable === undefined ? undefined : await replay.idempotency.claim(repeatable)
  return turn?.type === 'again' ? { ...turn, replay } : turn
}

interface ReplayParts extends Pick<InferenceRouteParts, 'services' | 'shape'> {
  readonly replay: ReplayServices
  readonly received: ReceivedBody
}

async function respondAgain(
  reply: HttpReply,
  { services, replay, shape, received }: ReplayParts,
  response: Promise<StoredResponse>,
): Promise<void> {
  // It may be refused before the first response is known.
  response.catch(() => undefined)
  const caller = authenticate(reply.request)
  const admission = admitReplay({ caller, query: received.query() }, services, replay)
  try {
    const recorded = await response
    permitStoredResponse(recorded.id, caller, services, replay)
    replayResponse(reply, new HttpResponseSink(reply, shape, services.clock, recorded.id), shape, recorded)
  } finally {
    admission.release(0)
  }
}

async function respondIdempotently(
  target: HttpResponseSink,
  turn: FirstClaim,
  infer: InferenceHandler,
): Promise<void> {
  const sink = new RecordingSink(target, turn)
  try {
    await infer(sink)
    await sink.settle()
  } catch (error) {
    await sink.settle(error)
    throw error
  }
}

/** A reader that remembers the tools of earlier requests. One server shares one, its agents send the same tools again. */
export function createBodyReader(): BodyReader {
  const parse = createCachingParser()
  return (request) => parse(bytesOf(request))
}
