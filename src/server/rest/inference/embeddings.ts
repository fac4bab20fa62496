import { embedding } from '../../../inference/embedding.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import type { HttpReply, HttpRequest } from '../../http/node/request-types.ts'
import { requestContextOf } from './request-context.ts'
import { respond } from './respond.ts'
import type { InferenceRouteParts } from './route-parts.ts'

/** `POST /embeddings`. */
export async function postEmbeddings(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  const { services, readBody, shape } = parts
  await respond(reply, parts, async (sink) => {
    const embeddingRequest = parseEmbeddingRequest(readBody(request))
    sink.prepare({ model: embeddingRequest.routing.model, stream: false, object: 'list' })
    await embedding(embeddingRequest, requestContextOf(request, services, shape), sink, services)
  })
}
