import { isObject, type JsonBody } from '../../../../wire/json/json-body.ts'
import { chatBodyOf, DIALECT_FIELDS, type Fields } from '../../../chat-vocabulary.ts'
import type { DialectRequest } from '../../../client-dialect.ts'
import { invalid } from '../invalid.ts'
import { readItems } from './items-in.ts'
import { ownToolChoice, readTools, toolChoiceOf } from './tools-in.ts'

/** Fields of OpenRouter's requests that steer the broker; they have the same names in a chat. */
const SHARED = [
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'parallel_tool_calls',
  'models',
  'provider',
  'plugins',
  'route',
  'session_id',
  'trace',
  'cache_control',
  'debug',
] as const

/** Fields that the vocabulary has a place for; the others stay under `dialect_fields`. */
const MAPPED: ReadonlySet<string> = new Set([
  ...SHARED,
  'model',
  'input',
  'instructions',
  'max_output_tokens',
  'tools',
  'tool_choice',
])

/** A request of the Responses API as a chat. Throws `bad-request` naming the field. */
export function readRequest({ body }: DialectRequest): JsonBody {
  const { value } = body
  if (typeof value['model'] !== 'string' || value['model'] === '') throw invalid('model', 'it is required')
  const { messages, tools: added } = readItems(value['input'], isPresent(value['previous_response_id']))
  const tools = [...readTools(value['tools']), ...added]
  const chat = {
    model: value['model'],
    messages: [...instructionsOf(value['instructions']), ...messages],
    ...Object.fromEntries(
      SHARED.flatMap((name) => (isPresent(value[name]) ? [[name, value[name]] as const] : [])),
    ),
    ...maxTokensOf(value['max_output_tokens']),
    ...(tools.length === 0 ? {} : { tools }),
    ...toolChoiceOf(value['tool_choice']),
    ...userOf(value),
    ...reasoningOf(value['reasoning']),
    ...textOf(value['text']),
    [DIALECT_FIELDS]: { responses: { ...ownFieldsOf(value), ...ownToolChoice(value['tool_choice']) } },
  }
  if (chat.messages.length === 0) throw invalid('input', 'it must have at least one item')
  return chatBodyOf(chat, { dialect: 'responses', body })
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

function ownFieldsOf(value: Fields): Fields {
  return Object.fromEntries(
    Object.entries(value).filter(([name, field]) => !MAPPED.has(name) && isPresent(field)),
  )
}

function instructionsOf(instructions: unknown): readonly Fields[] {
  if (!isPresent(instructions) || instructions === '') return []
  if (typeof instructions !== 'string') throw invalid('instructions', 'it must be a text')
  const own = { [DIALECT_FIELDS]: { responses: { is_instructions: true } } }
  return [{ role: 'system', content: instructions, ...own }]
}

function maxTokensOf(limit: unknown): Fields {
  if (!isPresent(limit)) return {}
  if (!Number.isSafeInteger(limit) || (limit as number) < 1)
    throw invalid('max_output_tokens', 'it must be a whole number of tokens')
  return { max_tokens: limit }
}

function userOf({ user, safety_identifier: safety }: Fields): Fields {
  const named = typeof user === 'string' ? user : safety
  return typeof named === 'string' ? { user: named } : {}
}

/** The effort in OpenRouter's words; the field itself stays, too. */
function reasoningOf(reasoning: unknown): Fields {
  if (!isObject(reasoning)) return {}
  const { effort, max_tokens, enabled } = reasoning
  const wish = {
    ...(isPresent(effort) ? { effort } : {}),
    ...(isPresent(max_tokens) ? { max_tokens } : {}),
    ...(isPresent(enabled) ? { enabled } : {}),
  }
  return Object.keys(wish).length === 0 ? {} : { reasoning: wish }
}

function textOf(text: unknown): Fields {
  if (!isObject(text)) return {}
  const { format, verbosity } = text
  return { ...(isPresent(verbosity) ? { verbosity } : {}), ...responseFormatOf(format) }
}

function responseFormatOf(format: unknown): Fields {
  if (!isObject(format)) return {}
  const { type, ...json_schema } = format
  if (type === 'json_schema') return { response_format: { type, json_schema } }
  return type === 'json_object' ? { response_format: { type } } : {}
}
