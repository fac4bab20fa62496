// Bodies that are made of the caller's for one attempt.
import type { PrefixMarker } from '../../providers/provider.ts'
import { parseJsonBody, type JsonBody } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'
import { CHARACTERS_PER_TOKEN } from '../usage/token-ratio.ts'

const encoder = new TextEncoder()

/** The body with `maxTokens` as the maximum length of each choice. */
export function capMaxTokens(body: JsonBody, maxTokens: number): JsonBody {
  const changes = new Map([
    ['max_tokens', String(maxTokens)],
    ['max_completion_tokens', undefined],
  ])
  return withFields(body, changes)
}

/**
 * The body with the beginning of the response as its last message, for an endpoint that continues from a prefix. The
 * caller's maximum holds for the whole response, so that the prefix counts against it.
 */
export function withPrefix(body: JsonBody, text: string, marker: PrefixMarker): JsonBody {
  const messages = body.value['messages'] as readonly unknown[]
  const isMarked = marker === 'prefix' || marker === 'partial'
  const prefix = { role: 'assistant', content: text, ...(isMarked ? { [marker]: true } : {}) }
  const changes = new Map<string, string | undefined>([['messages', JSON.stringify([...messages, prefix])]])
  if (marker === 'continue_final_message') {
    changes.set('continue_final_message', 'true')
    changes.set('add_generation_prompt', 'false')
  }
  const prefixTokens = Math.ceil(text.length / CHARACTERS_PER_TOKEN)
  for (const field of ['max_tokens', 'max_completion_tokens']) {
    const maxTokens = body.value[field]
    if (typeof maxTokens === 'number') changes.set(field, String(Math.max(1, maxTokens - prefixTokens)))
  }
  return withFields(body, changes)
}

function withFields(body: JsonBody, changes: ReadonlyMap<string, string | undefined>): JsonBody {
  return parseJsonBody(encoder.encode(spliceFields(body, changes)))
}
