import type { Fields } from '../../chat-vocabulary.ts'
import { countIn, objectIn } from '../../read-fields.ts'

/**
 * Usage in the words of the Responses API; the arithmetic is that of chats. The cost is OpenRouter's addition.
 *
 * @param usage as OpenRouter's clients get it.
 */
export function usageOut(usage: Fields): Fields {
  const prompt = objectIn(usage['prompt_tokens_details'])
  const input = countIn(usage['prompt_tokens'])
  const output = countIn(usage['completion_tokens'])
  const { cost, is_byok, cost_details } = usage
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: countIn(prompt['cached_tokens']),
      cache_write_tokens: countIn(prompt['cache_write_tokens']),
    },
    output_tokens: output,
    output_tokens_details: {
      reasoning_tokens: countIn(objectIn(usage['completion_tokens_details'])['reasoning_tokens']),
    },
    total_tokens: input + output,
    ...(cost === undefined ? {} : { cost }),
    ...(is_byok === undefined ? {} : { is_byok }),
    ...(cost_details === undefined ? {} : { cost_details }),
  }
}
