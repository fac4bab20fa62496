import { chat } from '../../../inference/chat.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { DoorReply, DoorRequest } from '../../http/node/request-types.ts'
import { complete } from './completions.ts'
import { askerOf } from './request-context.ts'
import { answerOn, type BodyReader } from './respond.ts'

/** `POST /chat/completions`: OpenAI's and OpenRouter's chat, plain and streamed. */
export function postChatCompletions(
  request: DoorRequest,
  reply: DoorReply,
  rooms: Rooms,
  readBody: BodyReader,
): Promise<void> {
  return answerOn(reply, rooms, (sink) => {
    const body = readBody(request)
    if (hasOnlyPrompt(body)) return complete(body, request, sink, rooms)
    const asked = parseChatRequest(body)
    sink.expect({ model: asked.wishes.model, streamed: asked.streamed, object: 'chat.completion.chunk' })
    return chat(asked, askerOf(request, rooms), sink, rooms)
  })
}

/** OpenRouter's legacy form of a text completion. */
function hasOnlyPrompt({ value }: JsonBody): boolean {
  return value['messages'] === undefined && typeof value['prompt'] === 'string'
}
