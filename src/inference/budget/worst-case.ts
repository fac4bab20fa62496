import type { Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { maxCostOf, type UsageBounds } from '../../ledger/cost.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { ChatRequest } from '../../wire/openai/chat.ts'
import type { ResponseTokens } from '../../limits/response-tokens.ts'
import type { InferenceKind, InferenceRequest } from '../request/inference-request.ts'
import { maxMediumTokens, mediaIn, type Medium } from '../usage/media/prompt-media.ts'
import { imagesIn, maxTextTokens } from '../usage/prompt-text.ts'

/** Assumed length of a response, in tokens, where neither the caller nor the catalog bounds it. */
const ASSUMED_MAX_OUTPUT = 128_000
/** Assumed maximum length of a prompt with media, in tokens, where the context window is unknown. */
const ASSUMED_CONTEXT_WINDOW = 1_000_000

/** The parts of a chat request that bound its cost. */
export type ChatBounds = Pick<ChatRequest, 'body' | 'maxTokens' | 'n'>

/** The maximum cost at the most expensive of the candidates; `undefined` when none of them has a known price. */
export function maxCost(
  kind: Pick<InferenceKind, 'maxUsage'>,
  candidates: readonly Endpoint[],
): Money | undefined {
  let max: Money | undefined
  for (const endpoint of candidates) {
    const { price } = endpoint
    const cost = price === undefined ? undefined : maxCostOf(kind.maxUsage(endpoint), price)
    if (cost !== undefined && cost > (max ?? -1n)) max = cost
  }
  return max
}

/** The maximum tokens of the response at any of the candidates. */
export function maxResponseTokens({
  candidates,
  kind,
  n = 1,
  mayCapTokens,
}: Pick<InferenceRequest, 'candidates' | 'kind' | 'n' | 'mayCapTokens'>): ResponseTokens {
  let maxTokens = 0
  for (const endpoint of candidates)
    maxTokens = Math.max(maxTokens, kind.maxUsage(endpoint).maxCompletionTokens)
  return { maxTokens, cappableChoices: mayCapTokens === true ? n : 0 }
}

/** The maximum that a chat can use at one endpoint. */
export function maxChatUsage(request: ChatBounds, endpoint: Endpoint): UsageBounds {
  const window = endpoint.contextWindow ?? Number.POSITIVE_INFINITY
  const perChoice = Math.min(request.maxTokens ?? endpoint.maxOutputTokens ?? ASSUMED_MAX_OUTPUT, window)
  const maxCompletionTokens = perChoice * request.n
  const media = mediaIn(request.body)
  if (media.length > 0)
    return {
      maxPromptTokens: Math.min(maxMediaPrompt(maxTextTokens(request.body), media, endpoint), window),
      maxCompletionTokens,
      maxImages: endpoint.price?.perImage === undefined ? undefined : imagesIn(request.body),
    }
  return {
    maxPromptTokens: Math.min(maxTextTokens(request.body), window),
    maxCompletionTokens,
    isText: true,
  }
}

/** The maximum usage of a request whose response has no tokens: no token is shorter than a byte. */
export function maxPromptUsage(body: JsonBody, endpoint: Endpoint): UsageBounds {
  const media = mediaIn(body)
  const { byteLength } = body
  const maxPromptTokens = media.length === 0 ? byteLength : maxMediaPrompt(byteLength, media, endpoint)
  return { maxPromptTokens, maxCompletionTokens: 0 }
}

/**
 * The maximum of a prompt with media, of which base64 is no text. A medium without a bound of its own, such as a linked file,
 * may be any number of tokens up to the context window.
 */
function maxMediaPrompt(textTokens: number, media: readonly Medium[], endpoint: Endpoint): number {
  const names = [endpoint.modelId, endpoint.model]
  let tokens = textTokens
  for (const medium of media) tokens += maxMediumTokens(medium, names) - medium.encodedLength
  return Number.isFinite(tokens)
    ? tokens
    : Math.max(textTokens, endpoint.contextWindow ?? ASSUMED_CONTEXT_WINDOW)
}
