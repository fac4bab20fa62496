import { asBrokerError } from '../../../base/errors.ts'
import type { FirstClaim } from '../../../inference/replay/idempotency.ts'
import type { InferenceServices, ReplayServices } from '../../../inference/services/services.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { createCachingParser } from '../../../wire/openai/tools-cache.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../http/node/request-types.ts'
import { withResponseCache } from './cached-response.ts'
import { HttpResponseSink, type InferenceHandler } from './http-response-sink.ts'
import { RecordingSink, idempotentRequestOf, replayResponse } from './idempotent-response.ts'

/** What the handlers of inference routes share. */
export interface InferenceRouteParts {
  readonly services: InferenceServices
  /** Without it no response is kept: requests that name a kept one are served elsewhere. */
  readonly replay: ReplayServices | undefined
  readonly readBody: BodyReader
}

/**
 * Runs a request and writes its response to the reply. The handler reads the body, prepares the sink and runs the request. An
 * error becomes the status, or an event when the stream has begun. Repeats of a request with an `Idempotency-Key` get
 * the response of the first one.
 */
export async function respond(
  reply: HttpReply,
  { services, replay }: Pick<InferenceRouteParts, 'services' | 'replay'>,
  infer: InferenceHandler,
): Promise<void> {
  const repeatable = replay === undefined ? undefined : idempotentRequestOf(reply.request)
  const turn = repeatable === undefined ? undefined : await replay?.idempotency.claim(repeatable)
  if (turn?.type === 'again') {
    const recorded = await turn.response
    return replayResponse(reply, new HttpResponseSink(reply, services.clock, recorded.id), recorded)
  }
  const sink = new HttpResponseSink(reply, services.clock)
  try {
    await (turn === undefined
      ? (withResponseCache(reply, services, replay, infer) ?? infer)(sink)
      : respondIdempotently(sink, turn, infer))
    sink.abandonIfDisconnected()
  } catch (error) {
    const failure = asBrokerError(error)
    if (!sink.reportError(failure)) throw error
    if (failure.code === 'internal') reply.request.server.reportBug(reply.request, error)
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
