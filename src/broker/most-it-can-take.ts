import type { Money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { mostItCanCost, type UsageBounds } from '../ledger/cost.ts'
import type { ChatRequest } from '../wire/chat.ts'

/** Taken for the length of an answer where neither the caller nor the catalogue bounds it. */
const UNKNOWN_OUTPUT = 128_000

/** The most that the request can cost at the dearest of its candidates; `undefined` when none of them has a known price. */
export function mostItCanTake(request: ChatRequest, candidates: readonly Endpoint[]): Money | undefined {
  let most: Money | undefined
  for (const endpoint of candidates) {
    const cost =
      endpoint.price === undefined ? undefined : mostItCanCost(boundsOf(request, endpoint), endpoint.price)
    if (cost !== undefined && cost > (most ?? -1n)) most = cost
  }
  return most
}

/** The most that the request can use at an endpoint. */
export function boundsOf(request: ChatRequest, endpoint: Endpoint): UsageBounds {
  const window = endpoint.contextWindow ?? Number.POSITIVE_INFINITY
  const answer = Math.min(request.maxTokens ?? endpoint.maxOutputTokens ?? UNKNOWN_OUTPUT, window)
  // No token is shorter than a byte; a picture or a link may stand for more tokens than its bytes, up to the window.
  const bytes = request.body.byteLength
  const prompt = hasMedia(request)
    ? Math.max(bytes, Number.isFinite(window) ? window : bytes)
    : Math.min(bytes, window)
  return { promptTokensAtMost: prompt, completionTokensAtMost: answer * request.choices }
}

function hasMedia({ body }: ChatRequest): boolean {
  const messages = body.value['messages'] as readonly { content?: unknown }[]
  return messages.some(({ content }) => Array.isArray(content) && content.some(isMedia))
}

function isMedia(part: unknown): boolean {
  return (part as { type?: unknown } | null)?.type !== 'text'
}
