import { completion } from '../../../inference/completion.ts'
import type { InferenceServices } from '../../../inference/services/services.ts'
import { parseCompletionRequest } from '../../../wire/openai/completion.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { HttpReply, HttpRequest } from '../../http/node/request-types.ts'
import type { ClientResponseSink } from './http-response-sink.ts'
import { requestContextOf } from './request-context.ts'
import { respond, type InferenceRouteParts } from './respond.ts'

/** `POST /completions`: OpenAI's older text completion, plain and streamed. */
export async function postCompletions(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  const { services, readBody } = parts
  await respond(reply, parts, (sink) => complete(readBody(request), request, sink, services))
}

/** Runs a text completion; also for a chat request that has a prompt and no messages. */
export async function complete(
  body: JsonBody,
  request: HttpRequest,
  sink: ClientResponseSink,
  services: InferenceServices,
): Promise<void> {
  const completionRequest = parseCompletionRequest(body)
  sink.prepare({
    model: completionRequest.routing.model,
    stream: completionRequest.stream,
    object: 'text_completion',
  })
  await completion(completionRequest, requestContextOf(request, services), sink, services)
}
