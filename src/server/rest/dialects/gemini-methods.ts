import { readCounted } from '../../../dialects/gemini/client/request/count-in.ts'
import { embeddingsOut, readEmbedding } from '../../../dialects/gemini/client/embeddings.ts'
import { geminiContent } from '../../../dialects/gemini/gemini.ts'
import { calledMethod, type CalledMethod } from '../../../dialects/gemini/method.ts'
import { embedding } from '../../../inference/embedding.ts'
import { isObject, parseJsonBody } from '../../../wire/json/json-body.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../http/node/request-types.ts'
import { requestContextOf } from '../inference/request-context.ts'
import { respond, type ReceivedBody } from '../inference/respond.ts'
import type { InferenceRouteParts } from '../inference/route-parts.ts'
import type { ApiShape } from '../shapes/api-shape.ts'
import { countChat } from './count-chat.ts'
import { postDialectChat } from './dialect-chat.ts'

const postChat = postDialectChat(geminiContent)

/** `POST /models/{model}:{method}`, Google's methods of a model. */
export function postGeminiMethod(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  const called = calledMethod(request.raw.url ?? '')
  if (called.method === 'countTokens') return postCount(request, reply, parts, called)
  if (called.method === 'embedContent' || called.method === 'batchEmbedContents')
    return postEmbedding(request, reply, parts, called)
  return postChat(request, reply, parts)
}

/** The broker's own count; no provider is called. */
async function postCount(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
  { model }: CalledMethod,
): Promise<void> {
  const { services, readBody, shape } = parts
  const totalTokens = await countChat(request, readCounted(readBody(request), model), services)
  await respond(reply, { services, replay: undefined, shape: asIs(shape) }, async (sink) => {
    sink.respond(JSON.stringify({ totalTokens }))
  })
}

function asIs(shape: ApiShape): ApiShape {
  return { ...shape, createEvents: (facts) => ({ ...shape.createEvents(facts), body: (json) => json }) }
}

async function postEmbedding(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
  called: CalledMethod,
): Promise<void> {
  const { services, readBody } = parts
  const shape = embeddingShape(parts.shape, called)
  const own = receivedBody(request, called)
  await respond(
    reply,
    { ...parts, shape },
    async (sink) => {
      const read = parseEmbeddingRequest(readEmbedding(readBody(request), called))
      sink.prepare({ model: called.model, stream: false, object: 'list' })
      await embedding(read, requestContextOf(request, services, shape), sink, services)
    },
    own,
  )
}

function embeddingShape(shape: ApiShape, { method }: CalledMethod): ApiShape {
  const body = (json: string): string => {
    const response: unknown = JSON.parse(json)
    return JSON.stringify(embeddingsOut(isObject(response) ? response : {}, method))
  }
  return { ...shape, createEvents: (facts) => ({ ...shape.createEvents(facts), body }) }
}

function receivedBody(request: HttpRequest, called: CalledMethod): ReceivedBody {
  return {
    content: () => bytesOf(request),
    query: () => {
      const read = readEmbedding(parseJsonBody(bytesOf(request)), called)
      return { kind: 'embedding', requested: parseEmbeddingRequest(read).routing }
    },
    isCacheable: false,
  }
}
