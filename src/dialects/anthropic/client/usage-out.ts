import type { Fields } from '../../chat-vocabulary.ts'
import { countIn, objectIn } from '../../read-fields.ts'

/**
 * Usage in Anthropic's arithmetic: tokens read from a cache and written to one are not in `input_tokens`. Fields that the
 * published schema requires are there even when they are unknown.
 *
 * @param usage as OpenRouter's clients get it.
 */
export function usageOut(usage: Fields): Fields {
  const prompt = objectIn(usage['prompt_tokens_details'])
  const read = countIn(prompt['cached_tokens'])
  const written = countIn(prompt['cache_write_tokens'])
  const hourly = Math.min(written, countIn(prompt['cache_write_1h_tokens']))
  return {
    input_tokens: Math.max(0, countIn(usage['prompt_tokens']) - read - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    cache_creation: { ephemeral_5m_input_tokens: written - hourly, ephemeral_1h_input_tokens: hourly },
    output_tokens: countIn(usage['completion_tokens']),
    output_tokens_details: {
      thinking_tokens: countIn(objectIn(usage['completion_tokens_details'])['reasoning_tokens']),
    },
    server_tool_use: null,
    service_tier: null,
  }
}
