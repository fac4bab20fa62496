import type { Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { mostItCanCost, type UsageBounds } from '../../ledger/cost.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import { imagesIn, textTokensAtMost } from '../usage/prompt-text.ts'

/** Taken for the length of an answer where neither the caller nor the catalogue bounds it. */
const UNKNOWN_OUTPUT = 128_000
/** Taken for the length of a prompt with pictures where nobody knows how long it may be. */
const UNKNOWN_WINDOW = 1_000_000

/** What bounds the cost of a chat. */
export interface ChatBounds {
  readonly body: JsonBody
  /** The caller's own bound on an answer. */
  readonly maxTokens: number | undefined
  /** How many answers were asked for. */
  readonly choices: number
}

/** The most that the request can cost at the dearest of its candidates; `undefined` when none of them has a known price. */
export function mostItCanTake(request: ChatBounds, candidates: readonly Endpoint[]): Money | undefined {
  let most: Money | undefined
  for (const endpoint of candidates) {
    const cost =
      endpoint.price === undefined ? undefined : mostItCanCost(boundsOf(request, endpoint), endpoint.price)
    if (cost !== undefined && cost > (most ?? -1n)) most = cost
  }
  return most
}

/** The most that it can use at one endpoint. */
export function boundsOf(request: ChatBounds, endpoint: Endpoint): UsageBounds {
  const window = endpoint.contextWindow ?? Number.POSITIVE_INFINITY
  const answer = Math.min(request.maxTokens ?? endpoint.maxOutputTokens ?? UNKNOWN_OUTPUT, window)
  const completionTokensAtMost = answer * request.choices
  // A picture, a file or a link may stand for any number of tokens, up to the window.
  if (hasMedia(request))
    return {
      promptTokensAtMost: Math.max(textTokensAtMost(request.body), endpoint.contextWindow ?? UNKNOWN_WINDOW),
      completionTokensAtMost,
      imagesAtMost: endpoint.price?.perImage === undefined ? undefined : imagesIn(request.body),
    }
  return {
    promptTokensAtMost: Math.min(textTokensAtMost(request.body), window),
    completionTokensAtMost,
    isText: true,
  }
}

function hasMedia({ body }: ChatBounds): boolean {
  const messages = body.value['messages'] as readonly { content?: unknown }[]
  return messages.some(({ content }) => Array.isArray(content) && content.some(isMedia))
}

function isMedia(part: unknown): boolean {
  return (part as { type?: unknown } | null)?.type !== 'text'
}
