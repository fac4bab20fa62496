import type { PrefixMarker } from '../../providers/provider.ts'
import { parseJsonBody, type JsonBody } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'

/** OpenAI's rule of thumb for English text; the caller's bound on the answer holds for the whole of it. */
const CHARACTERS_PER_TOKEN = 4

/** The caller's request with the beginning of its answer in it, to be continued. */
export function prefixBody(body: JsonBody, text: string, marker: PrefixMarker): JsonBody {
  const messages = body.value['messages'] as readonly unknown[]
  const isMarked = marker === 'prefix' || marker === 'partial'
  const prefix = { role: 'assistant', content: text, ...(isMarked ? { [marker]: true } : {}) }
  const changes = new Map<string, string | undefined>([['messages', JSON.stringify([...messages, prefix])]])
  if (marker === 'continue_final_message') {
    changes.set('continue_final_message', 'true')
    changes.set('add_generation_prompt', 'false')
  }
  for (const field of ['max_tokens', 'max_completion_tokens']) {
    const most = body.value[field]
    const said = Math.ceil(text.length / CHARACTERS_PER_TOKEN)
    if (typeof most === 'number') changes.set(field, String(Math.max(1, most - said)))
  }
  return parseJsonBody(new TextEncoder().encode(spliceFields(body, changes)))
}
