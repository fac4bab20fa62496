import { z } from 'zod'
import { ZERO_USAGE, type Usage } from '../../../ledger/types.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'

/** More than any response uses, and few enough for the ledger at any price. */
const MAX_TOKENS = 1_000_000_000
const count = z.int().min(0).max(MAX_TOKENS)
const part = count.nullish().catch(undefined)
const details = z
  .looseObject({ audio_tokens: part, image_tokens: part, cached_tokens: part })
  .nullish()
  .catch(undefined)

/** OpenAI's usage of media in tokens; image models name the details in the plural. */
const form = z.looseObject({
  input_tokens: count,
  output_tokens: count.nullish(),
  input_token_details: details,
  input_tokens_details: details,
})

/** Of requests without an output: some servers report the sum alone. */
const promptForm = z.union([
  z.looseObject({ prompt_tokens: count }).transform((usage) => usage.prompt_tokens),
  z.looseObject({ total_tokens: count }).transform((usage) => usage.total_tokens),
])

/** The tokens of a request without an output; `undefined` when the response reports none. */
export function promptUsageIn({ usage }: ChatChunk): Usage | undefined {
  const parsed = promptForm.safeParse(usage)
  return parsed.success && parsed.data > 0 ? { ...ZERO_USAGE, prompt: parsed.data } : undefined
}

/** The usage in tokens that a response reports; `undefined` when it reports none, or tokens of no kind at all. */
export function tokenUsageIn({ usage }: ChatChunk): Usage | undefined {
  const parsed = form.safeParse(usage)
  if (!parsed.success) return undefined
  const { input_tokens: prompt, output_tokens: completion } = parsed.data
  if (prompt === 0 && (completion ?? 0) === 0) return undefined
  const inside = parsed.data.input_token_details ?? parsed.data.input_tokens_details
  return {
    ...ZERO_USAGE,
    prompt,
    completion: completion ?? 0,
    cachedPrompt: inside?.cached_tokens ?? 0,
    audioPrompt: inside?.audio_tokens ?? 0,
    imagePrompt: inside?.image_tokens ?? undefined,
  }
}
