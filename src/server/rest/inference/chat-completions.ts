import { chat } from '../../../inference/chat.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import type { HttpReply, HttpRequest } from '../../http/node/request-types.ts'
import { complete } from './completions.ts'
import { requestContextOf } from './request-context.ts'
import { hasOnlyPrompt } from './requested-models.ts'
import { respond } from './respond.ts'
import type { InferenceRouteParts } from './route-parts.ts'

/** `POST /chat/completions`: OpenAI's and OpenRouter's chat, plain and streamed. */
export function postChatCompletions(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  return respond(reply, parts, (sink) => {
    const { services, readBody, shape } = parts
    const body = readBody(request)
    if (hasOnlyPrompt(body)) return complete(body, request, sink, parts)
    const chatRequest = parseChatRequest(body)
    sink.prepare({
      model: chatRequest.routing.model,
      stream: chatRequest.stream,
      object: 'chat.completion.chunk',
    })
    return chat(chatRequest, requestContextOf(request, services, shape), sink, services)
  })
}
