import { isObject, type JsonBody } from '../../../wire/json/json-body.ts'
import { chatBodyOf, restAs, type Fields } from '../../chat-vocabulary.ts'
import type { DialectRequest } from '../../client-dialect.ts'
import { invalid } from './invalid.ts'
import { readMessages } from './messages-in.ts'
import { readTools, toolChoiceOf } from './tools-in.ts'

/** From this version on the sampling fields are refused, even at their defaults (documentation, read 2026-11). */
const VERSION_WITHOUT_SAMPLING = '2026-10-21'

/** Fields that the vocabulary has a place for; the others stay under `dialect_fields`. */
const MAPPED = new Set(
  'model messages max_tokens stream system temperature top_p top_k stop_sequences tools tool_choice cache_control'.split(
    ' ',
  ),
)

/** A request of the Messages API as a chat. Throws `bad-request` naming the field. */
export function readRequest({ body, headers }: DialectRequest): JsonBody {
  const { value } = body
  checkFields(value, headers['anthropic-version'])
  const chat = {
    model: value['model'],
    messages: readMessages(value['system'], value['messages'] as readonly unknown[]),
    max_tokens: value['max_tokens'],
    ...optional('stream', value['stream']),
    ...optional('temperature', value['temperature']),
    ...optional('top_p', value['top_p']),
    ...optional('top_k', value['top_k']),
    ...optional('stop', value['stop_sequences']),
    ...optional('cache_control', value['cache_control']),
    ...readTools(value['tools']),
    ...toolChoiceOf(value['tool_choice']),
    ...optional('user', userIn(value['metadata'])),
    ...reasoningOf(value),
    ...responseFormatOf(value['output_config']),
    ...restAs('anthropic', value, MAPPED),
  }
  return chatBodyOf(chat, { dialect: 'anthropic', body })
}

function checkFields(value: Fields, version: string | string[] | undefined): void {
  if (typeof value['model'] !== 'string' || value['model'] === '') throw invalid('model', 'Field required')
  if (!Number.isSafeInteger(value['max_tokens']) || (value['max_tokens'] as number) < 0)
    throw invalid('max_tokens', 'must be a whole number of tokens')
  if (!Array.isArray(value['messages']) || value['messages'].length === 0)
    throw invalid('messages', 'at least one message is required')
  if (typeof version !== 'string' || version < VERSION_WITHOUT_SAMPLING) return
  for (const name of ['temperature', 'top_p', 'top_k'])
    if (value[name] !== undefined)
      throw invalid(name, `is not accepted with anthropic-version ${version}; leave it out`)
}

function optional(name: string, value: unknown): Fields {
  return value === undefined || value === null ? {} : { [name]: value }
}

function userIn(metadata: unknown): unknown {
  return isObject(metadata) && typeof metadata['user_id'] === 'string' ? metadata['user_id'] : undefined
}

/** What `thinking` and `output_config.effort` wish for, in OpenRouter's words; the fields themselves stay, too. */
function reasoningOf({ thinking, output_config: output }: Fields): Fields {
  const effort = isObject(output) && typeof output['effort'] === 'string' ? { effort: output['effort'] } : {}
  if (!isObject(thinking)) return 'effort' in effort ? { reasoning: effort } : {}
  if (thinking['type'] === 'disabled') return { reasoning: { enabled: false } }
  const budget = thinking['budget_tokens']
  if ('effort' in effort) return { reasoning: effort }
  return { reasoning: typeof budget === 'number' ? { max_tokens: budget } : { enabled: true } }
}

function responseFormatOf(output: unknown): Fields {
  const format = isObject(output) ? output['format'] : undefined
  if (!isObject(format) || format['type'] !== 'json_schema') return {}
  const json_schema = { name: 'response', strict: true, schema: format['schema'] }
  return { response_format: { type: 'json_schema', json_schema } }
}
