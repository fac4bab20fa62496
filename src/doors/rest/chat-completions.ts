import type { FastifyReply, FastifyRequest } from 'fastify'
import { chat } from '../../broker/chat.ts'
import type { Rooms } from '../../broker/rooms.ts'
import { parseChatRequest } from '../../wire/chat.ts'
import { answerOn, askerOf, bodyOf } from './asking.ts'

/** `POST /chat/completions`: OpenAI's and OpenRouter's chat, plain and streamed. */
export async function postChatCompletions(
  request: FastifyRequest,
  reply: FastifyReply,
  rooms: Rooms,
): Promise<void> {
  await answerOn(reply, rooms, async (sink) => {
    const asked = parseChatRequest(bodyOf(request))
    sink.expect({ model: asked.wishes.model, streamed: asked.streamed, object: 'chat.completion.chunk' })
    await chat(asked, askerOf(request, rooms), sink, rooms)
  })
}
