import { z } from 'zod'
import { isObject } from '../json/json-body.ts'
import type { ChatChunk } from './chat.ts'

/** More tokens than any model reads or writes, and few enough for the ledger at any price. */
const MAX_TOKENS = 1_000_000_000
/** Some gateways send counts as texts. */
const digits = z
  .string()
  .regex(/^\d{1,10}$/)
  .transform(Number)
const count = z.union([z.int(), digits]).pipe(z.int().min(0).max(MAX_TOKENS)).nullish()

/** An invalid detail is ignored and does not invalidate the counts. */
const part = count.catch(undefined)

const promptDetails = z
  .looseObject({
    cached_tokens: part,
    cache_write_tokens: part, // OpenRouter, OpenAI
    cache_write_1h_tokens: part, // ours, of those written to a cache that keeps them for an hour
    cache_creation_tokens: part, // LiteLLM
    cache_creation_input_tokens: part, // Alibaba
    audio_tokens: part,
    image_tokens: part,
  })
  .nullish()
  .catch(undefined)

const completionDetails = z
  .looseObject({ reasoning_tokens: part, audio_tokens: part })
  .nullish()
  .catch(undefined)

/** OpenAI's usage object, as loosely as providers send it, with the names that other vendors use for the same counts. */
const wireUsage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: part,
  prompt_tokens_details: promptDetails,
  completion_tokens_details: completionDetails,
  /** Names of Anthropic and of OpenAI's Responses. */
  input_tokens: part,
  output_tokens: part,
  input_tokens_details: promptDetails,
  output_tokens_details: completionDetails,
  /** Anthropic's names; DeepSeek's and Moonshot's names for `cached_tokens`; Perplexity's for reasoning. */
  cache_read_input_tokens: part,
  cache_creation_input_tokens: part,
  prompt_cache_hit_tokens: part,
  cached_tokens: part,
  reasoning_tokens: part,
  /** Web searches: Perplexity's and xAI's names. */
  num_search_queries: part,
  num_sources_used: part,
  /** OpenRouter and Anthropic count searches here. */
  server_tool_use: z.looseObject({ web_search_requests: part }).nullish().catch(undefined),
  /** US dollars; OpenRouter's. */
  cost: z.number().nullish().catch(undefined),
  is_byok: z.boolean().nullish().catch(undefined),
  cost_details: z
    .looseObject({ upstream_inference_cost: z.number().nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
})

export type WireUsage = z.infer<typeof wireUsage>

/**
 * The usage of a chunk. Some providers put it elsewhere: Groq's streams have it in `x_groq` of the last chunk
 * (https://console.groq.com/docs/api-reference, 2026-11), Moonshot's in the last choice.
 */
export function usageIn({ usage, x_groq: extra, choices }: ChatChunk): unknown {
  if (usage !== undefined && usage !== null) return usage
  if (isObject(extra) && extra['usage'] !== undefined) return extra['usage']
  return choices?.[0]?.usage
}

/** Reads a usage object; `undefined` when it is missing, invalid, or has no count of tokens at all. */
export function parseWireUsage(value: unknown): WireUsage | undefined {
  if (isPlainUsage(value)) return value
  const parsed = wireUsage.safeParse(value)
  if (!parsed.success) return undefined
  const {
    prompt_tokens: prompt,
    completion_tokens: completion,
    input_tokens: input,
    total_tokens,
  } = parsed.data
  const isCounted = [prompt, completion, input, total_tokens].some((counted) => typeof counted === 'number')
  return isCounted ? parsed.data : undefined
}

/** Whether a usage object has only counts, as from most providers; never true for a value that the schema refuses. */
function isPlainUsage(value: unknown): value is WireUsage & { readonly prompt_tokens: number } {
  if (!isObject(value) || typeof value['prompt_tokens'] !== 'number') return false
  for (const name in value) {
    const field = value[name]
    const isDetails = name.endsWith('_details')
    if (isDetails ? !(isObject(field) && Object.values(field).every(isTokens)) : !isTokens(field))
      return false
  }
  return true
}

function isTokens(value: unknown): boolean {
  return (
    value === undefined ||
    (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS)
  )
}
