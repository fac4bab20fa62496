import { completion } from '../../../inference/completion.ts'
import { parseCompletionRequest } from '../../../wire/openai/completion.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { HttpReply, HttpRequest } from '../../http/node/request-types.ts'
import type { ClientResponseSink } from './http-response-sink.ts'
import { requestContextOf } from './request-context.ts'
import { respond } from './respond.ts'
import type { InferenceRouteParts } from './route-parts.ts'

/** `POST /completions`: OpenAI's older text completion, plain and streamed. */
export async function postCompletions(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  await respond(reply, parts, (sink) => complete(parts.readBody(request), request, sink, parts))
}

/** Runs a text completion; also for a chat request that has a prompt and no messages. */
export async function complete(
  body: JsonBody,
  request: HttpRequest,
  sink: ClientResponseSink,
  { services, shape }: Pick<InferenceRouteParts, 'services' | 'shape'>,
): Promise<void> {
  const completionRequest = parseCompletionRequest(body)
  sink.prepare({
    model: completionRequest.routing.model,
    stream: completionRequest.stream,
    object: 'text_completion',
  })
  await completion(completionRequest, requestContextOf(request, services, shape), sink, services)
}
