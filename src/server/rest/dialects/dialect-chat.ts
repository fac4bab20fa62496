import type { ClientDialect } from '../../../dialects/client-dialect.ts'
import { chat } from '../../../inference/chat.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import type { HttpReply, HttpRequest } from '../../http/node/request-types.ts'
import { requestContextOf } from '../inference/request-context.ts'
import { dialectRequestOf } from '../inference/requested-models.ts'
import { respond } from '../inference/respond.ts'
import type { InferenceRouteParts } from '../inference/route-parts.ts'

type Handler = (request: HttpRequest, reply: HttpReply, parts: InferenceRouteParts) => Promise<void>

/** A chat in another dialect: the request is read as one of the broker's own, and its response is written in the dialect. */
export function postDialectChat(dialect: ClientDialect): Handler {
  return (request, reply, parts) =>
    respond(reply, parts, (sink) => {
      const { services, readBody, shape } = parts
      const chatRequest = parseChatRequest(dialect.readRequest(dialectRequestOf(request, readBody(request))))
      const { body, routing, stream } = chatRequest
      sink.prepare({ model: routing.model, stream, object: 'chat.completion.chunk', request: body })
      return chat(chatRequest, requestContextOf(request, services, shape), sink, services)
    })
}
