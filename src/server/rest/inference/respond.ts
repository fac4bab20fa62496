import { asBrokerError } from '../../../base/errors.ts'
import { admitReplay, permitStoredResponse, type ReplayRequest } from '../../../inference/permit-replay.ts'
import type { FirstClaim, StoredResponse } from '../../../inference/replay/idempotency.ts'
import type { InferenceServices, ReplayServices } from '../../../inference/services/services.ts'
import type { UploadSpool } from '../../../runtime/upload-spool.ts'
import { parseJsonBody, type JsonBody } from '../../../wire/json/json-body.ts'
import { createCachingParser } from '../../../wire/openai/tools-cache.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../http/node/request-types.ts'
import { authenticate } from '../../http/authenticate.ts'
import { withResponseCache } from './cached-response.ts'
import { HttpResponseSink, type InferenceHandler } from './http-response-sink.ts'
import { RecordingSink, idempotentRequestOf, replayResponse } from './idempotent-response.ts'
import { requestedModels } from './requested-models.ts'

/** What the handlers of inference routes share. */
export interface InferenceRouteParts {
  readonly services: InferenceServices
  /** Without it no response is kept: requests that name a kept one are served elsewhere. */
  readonly replay: ReplayServices | undefined
  readonly readBody: BodyReader
  /** Keeps the files of requests; absent where forms are forwarded. */
  readonly uploads?: UploadSpool | undefined
}

/**
 * Runs a request and writes its response to the reply. The handler reads the body, prepares the sink and runs the request. An
 * error becomes the status, or an event when the stream has begun. Repeats of a request with an `Idempotency-Key` get
 * the response of the first one, if the caller's rules still allow it.
 */
export async function respond(
  reply: HttpReply,
  { services, replay }: Pick<InferenceRouteParts, 'services' | 'replay'>,
  infer: InferenceHandler,
  received: ReceivedBody = jsonBodyOf(reply.request),
): Promise<void> {
  const turn = replay === undefined ? undefined : await claimOf(reply, replay, received)
  if (turn?.type === 'again')
    return respondAgain(reply, { services, replay: turn.replay, received }, turn.response)
  const sink = new HttpResponseSink(reply, services.clock)
  try {
    await (turn === undefined
      ? ((received.isCacheable ? withResponseCache(reply, services, replay, infer) : undefined) ?? infer)(
          sink,
        )
      : respondIdempotently(sink, turn, infer))
    sink.abandonIfDisconnected()
  } catch (error) {
    const failure = asBrokerError(error)
    if (!sink.reportError(failure)) throw error
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

function jsonBodyOf(request: HttpRequest): ReceivedBody {
  return {
    content: () => bytesOf(request),
    query: () => requestedModels(request, parseJsonBody(bytesOf(request))),
    isCacheable: true,
  }
}

/** The claim of a request with an `Idempotency-Key`: the first of its key, or a repeat. */
async function claimOf(reply: HttpReply, replay: ReplayServices, { content }: ReceivedBody) {
  const repeatable = idempotentRequestOf(reply.request, content)
  const turn = repeatable === undefined ? undefined : await replay.idempotency.claim(repeatable)
  return turn?.type === 'again' ? { ...turn, replay } : turn
}

async function respondAgain(
  reply: HttpReply,
  {
    services,
    replay,
    received,
  }: {
    readonly services: InferenceServices
    readonly replay: ReplayServices
    readonly received: ReceivedBody
  },
  response: Promise<StoredResponse>,
): Promise<void> {
  // It may be refused before the first response is known.
  response.catch(() => undefined)
  const caller = authenticate(reply.request)
  const admission = admitReplay({ caller, query: received.query() }, services, replay)
  try {
    const recorded = await response
    permitStoredResponse(recorded.id, caller, services, replay)
    replayResponse(reply, new HttpResponseSink(reply, services.clock, recorded.id), recorded)
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

/** Reads the body as the JSON object that it must be. Throws `bad-request`. */
export type BodyReader = (request: HttpRequest) => JsonBody

/** A reader that remembers the tools of earlier requests. One server shares one, its agents send the same tools again. */
export function createBodyReader(): BodyReader {
  const parse = createCachingParser()
  return (request) => parse(bytesOf(request))
}
