import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { camelObject } from '../../camel-names.ts'
import { jsonSchemaOf } from './schema-in.ts'

/** The names that fields of `generationConfig` have in a chat. */
export const CHAT_NAMES: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  candidateCount: 'n',
  maxOutputTokens: 'max_tokens',
  stopSequences: 'stop',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  seed: 'seed',
  responseLogprobs: 'logprobs',
  logprobs: 'top_logprobs',
}

/** What stands before the names of the other fields, which stay under `dialect_fields`. */
export const GENERATION = 'generationConfig.'

/** `generationConfig` as fields of a chat; those without a place in one are in `own`, under their full names. */
export function readGeneration(config: unknown): { readonly chat: Fields; readonly own: Fields } {
  const chat: Record<string, unknown> = {}
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(camelObject(config))) {
    const chatName = CHAT_NAMES[name]
    if (value === null || value === undefined) continue
    if (chatName === undefined) own[GENERATION + name] = value
    else chat[chatName] = value
  }
  return { chat: { ...chat, ...responseFormatOf(own), ...reasoningOf(own) }, own }
}

function responseFormatOf(own: Fields): Fields {
  if (own[`${GENERATION}responseMimeType`] !== 'application/json') return {}
  const schema = own[`${GENERATION}responseJsonSchema`] ?? own[`${GENERATION}responseSchema`]
  if (!isObject(schema)) return { response_format: { type: 'json_object' } }
  const json_schema = { name: 'response', schema: jsonSchemaOf(schema) }
  return { response_format: { type: 'json_schema', json_schema } }
}

function reasoningOf(own: Fields): Fields {
  const {
    thinkingLevel: level,
    thinkingBudget: budget,
    includeThoughts,
  } = camelObject(own[`${GENERATION}thinkingConfig`])
  if (typeof level === 'string') return { reasoning: { effort: level.toLowerCase() } }
  if (typeof budget !== 'number') return includeThoughts === true ? { reasoning: { enabled: true } } : {}
  if (budget === 0) return { reasoning: { enabled: false } }
  return { reasoning: budget < 0 ? { enabled: true } : { max_tokens: budget } }
}
