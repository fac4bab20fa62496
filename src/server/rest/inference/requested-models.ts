import type { DialectRequest } from '../../../dialects/client-dialect.ts'
import type { ReplayRequest } from '../../../inference/permit-replay.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { parseCompletionRequest } from '../../../wire/openai/completion.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { ApiShape } from '../shapes/api-shape.ts'
import type { HttpRequest } from '../../http/node/request-types.ts'

/** The path of an inference route below its prefix: `/chat/completions`; with its query where the path names the model. */
export function inferencePathOf({ routeOptions, raw }: HttpRequest): string {
  const { url: pattern = '' } = routeOptions
  const path = pattern.endsWith('*') ? (raw.url ?? '') : pattern
  return path.replace(/^(\/api)?\/v1(beta)?(?=\/)/, '')
}

/** What the body of an inference route requests. Throws `bad-request`. */
export function requestedModels(
  request: HttpRequest,
  body: JsonBody,
  { readRequest }: ApiShape,
): ReplayRequest['query'] {
  if (readRequest !== undefined) {
    const { routing } = parseChatRequest(readRequest(dialectRequestOf(request, body)))
    return { kind: 'chat', requested: routing }
  }
  const path = inferencePathOf(request)
  if (path === '/embeddings') return { kind: 'embedding', requested: parseEmbeddingRequest(body).routing }
  const isCompletion = path === '/completions' || hasOnlyPrompt(body)
  const { routing } = isCompletion ? parseCompletionRequest(body) : parseChatRequest(body)
  return { kind: 'chat', requested: routing }
}

/** A request of another dialect, as its `readRequest` takes it. */
export function dialectRequestOf({ raw, headers }: HttpRequest, body: JsonBody): DialectRequest {
  return { body, url: raw.url ?? '', headers }
}

/** OpenRouter's legacy form of a text completion, sent to the route of chats. */
export function hasOnlyPrompt({ value }: JsonBody): boolean {
  return value['messages'] === undefined && typeof value['prompt'] === 'string'
}
