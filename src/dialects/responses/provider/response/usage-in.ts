import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { countIn, objectIn } from '../../../read-fields.ts'

/** Usage in the words of chat completions, which have the same arithmetic. */
export function usageIn(usage: unknown): Fields | undefined {
  if (!isObject(usage)) return undefined
  const input = objectIn(usage['input_tokens_details'])
  const output = objectIn(usage['output_tokens_details'])
  const prompt = countIn(usage['input_tokens'])
  const completion = countIn(usage['output_tokens'])
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    // Perplexity's, an object.
    ...(usage['cost'] === undefined ? {} : { cost: usage['cost'] }),
    prompt_tokens_details: {
      cached_tokens: countIn(input['cached_tokens']),
      cache_write_tokens: countIn(input['cache_write_tokens'] ?? input['cache_creation_input_tokens']),
    },
    completion_tokens_details: { reasoning_tokens: countIn(output['reasoning_tokens']) },
  }
}
