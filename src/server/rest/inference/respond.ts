import { asBrokerError } from '../../../base/errors.ts'
import type { FirstTurn } from '../../../inference/replay/idempotency.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { rememberingTools } from '../../../wire/openai/tools-cache.ts'
import { bytesOf, type DoorReply, type DoorRequest } from '../../http/node/request-types.ts'
import { outOfCache } from './cached-response.ts'
import { AnswerOnReply, type Ask } from './http-response-sink.ts'
import { KeepingSink, repeatableOf, tellAgain } from './idempotent-response.ts'

/**
 * Runs a request and writes its response to the reply. The handler reads the body, prepares the sink and runs the request. An
 * error becomes the status, or an event when the stream has begun. Repeats of a request with an `Idempotency-Key` get
 * the response of the first one.
 */
export async function answerOn(reply: DoorReply, rooms: Rooms, ask: Ask): Promise<void> {
  const repeatable = repeatableOf(reply.request)
  const turn = repeatable === undefined ? undefined : await rooms.repeats.enter(repeatable)
  if (turn?.type === 'again') {
    const kept = await turn.answer
    return tellAgain(reply, new AnswerOnReply(reply, rooms.clock, kept.id), kept)
  }
  const answer = new AnswerOnReply(reply, rooms.clock)
  try {
    await (turn === undefined ? (outOfCache(reply, rooms, ask) ?? ask)(answer) : askOnce(answer, turn, ask))
    answer.leaveIfGone()
  } catch (error) {
    const failure = asBrokerError(error)
    if (!answer.tell(failure)) throw error
    if (failure.code === 'internal') reply.request.server.reportBug(reply.request, error)
  }
}

async function askOnce(answer: AnswerOnReply, turn: FirstTurn, ask: Ask): Promise<void> {
  const sink = new KeepingSink(answer, turn)
  try {
    await ask(sink)
    await sink.settle()
  } catch (error) {
    await sink.settle(error)
    throw error
  }
}

/** Reads the body as the JSON object that it must be. Throws `bad-request`. */
export type BodyReader = (request: DoorRequest) => JsonBody

/** A reader that remembers the tools of earlier requests. One server shares one, its agents send the same tools again. */
export function createBodyReader(): BodyReader {
  const parse = rememberingTools()
  return (request) => parse(bytesOf(request))
}
