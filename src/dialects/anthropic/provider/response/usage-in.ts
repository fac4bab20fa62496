import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { countIn } from '../../../read-fields.ts'

/**
 * Anthropic's usage in OpenAI's arithmetic: cached tokens are inside the prompt. Compactions are billed and are not in the
 * top-level figures, so that they are added.
 */
export function usageIn(usage: Fields): Fields {
  const all = [usage, ...compactionsIn(usage['iterations'])]
  const read = sumOf(all, 'cache_read_input_tokens')
  const written = sumOf(all, 'cache_creation_input_tokens')
  const prompt = sumOf(all, 'input_tokens') + read + written
  const completion = sumOf(all, 'output_tokens')
  const details = isObject(usage['output_tokens_details']) ? usage['output_tokens_details'] : {}
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: read,
      cache_write_tokens: written,
      cache_write_1h_tokens: all.reduce((sum, one) => sum + hourlyIn(one['cache_creation']), 0),
    },
    completion_tokens_details: { reasoning_tokens: countIn(details['thinking_tokens']) },
  }
}

function compactionsIn(iterations: unknown): readonly Fields[] {
  const all: readonly unknown[] = Array.isArray(iterations) ? iterations : []
  return all.filter((one): one is Fields => isObject(one) && one['type'] === 'compaction')
}

function hourlyIn(creation: unknown): number {
  return isObject(creation) ? countIn(creation['ephemeral_1h_input_tokens']) : 0
}

function sumOf(all: readonly Fields[], name: string): number {
  return all.reduce((sum, one) => sum + countIn(one[name]), 0)
}
