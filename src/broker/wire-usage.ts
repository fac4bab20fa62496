import { dollarsNumber, money } from '../base/money.ts'
import type { Price } from '../catalog/catalog.ts'
import { costParts } from '../ledger/cost.ts'
import type { Usage } from '../ledger/ledger-types.ts'
import { additions } from './complete-answer.ts'

/**
 * Counts and cost as OpenRouter's `usage` shows them. What the provider said beyond that stays; nothing is null. The
 * cost is the one that the ledger books; without a known price it is left out.
 */
export function wireUsageOf(usage: Usage, price: Price | undefined, said: unknown): Record<string, unknown> {
  const told = objectOf(said)
  return {
    ...withoutNulls(told),
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    ...costFields(usage, price),
    is_byok: false,
    prompt_tokens_details: {
      ...withoutNulls(objectOf(told['prompt_tokens_details'])),
      cached_tokens: usage.cachedPrompt,
      cache_write_tokens: usage.cacheWrite,
      audio_tokens: usage.audioPrompt,
      video_tokens: 0,
    },
    completion_tokens_details: {
      image_tokens: 0,
      ...withoutNulls(objectOf(told['completion_tokens_details'])),
      reasoning_tokens: usage.reasoning,
      audio_tokens: usage.audioCompletion,
    },
  }
}

/** `cost` and its parts; the prompt's part is rounded, the answer's is the rest. */
function costFields(usage: Usage, price: Price | undefined): Record<string, unknown> {
  const parts = price === undefined ? undefined : costParts(usage, price)
  if (parts === undefined) return {}
  const cost = dollarsNumber(money(parts.prompt + parts.completion))
  return {
    cost,
    cost_details: {
      upstream_inference_cost: cost,
      upstream_inference_prompt_cost: dollarsNumber(parts.prompt),
      upstream_inference_completions_cost: dollarsNumber(parts.completion),
    },
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function withoutNulls(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return additions(object, NONE)
}

const NONE: ReadonlySet<string> = new Set()
