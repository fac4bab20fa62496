import { completion } from '../../../inference/completion.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { parseCompletionRequest } from '../../../wire/openai/completion.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'

import type { DoorReply, DoorRequest } from '../../http/node/request-types.ts'
import type { AskSink } from './http-response-sink.ts'
import { askerOf } from './request-context.ts'
import { answerOn, type BodyReader } from './respond.ts'

/** `POST /completions`: OpenAI's older text completion, plain and streamed. */
export async function postCompletions(
  request: DoorRequest,
  reply: DoorReply,
  rooms: Rooms,
  readBody: BodyReader,
): Promise<void> {
  await answerOn(reply, rooms, (sink) => complete(readBody(request), request, sink, rooms))
}

/** Runs a text completion; also for a chat request that has a prompt and no messages. */
export async function complete(
  body: JsonBody,
  request: DoorRequest,
  sink: AskSink,
  rooms: Rooms,
): Promise<void> {
  const asked = parseCompletionRequest(body)
  sink.expect({ model: asked.wishes.model, streamed: asked.streamed, object: 'text_completion' })
  await completion(asked, askerOf(request, rooms), sink, rooms)
}
