import { isObject } from '../../../wire/json/json-body.ts'
import { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { withoutWithheldFields } from './billed-fields.ts'
import { writeInput } from './items-out.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { writeToolChoice, writeTools } from './tools-out.ts'

/** Fields of a chat that the Responses API has a place for. */
const PLACED = new Set(['verbosity', 'prompt_cache_key', 'safety_identifier', 'store'])

const ENCRYPTED = 'reasoning.encrypted_content'

/** A chat as a request of the Responses API. Throws `not-carried` naming what would be lost. */
export function writeRequest(
  value: Fields,
  facts: RequestOutFacts,
): { readonly request: Fields; readonly dropped: readonly string[] | undefined } {
  const carried = new CarriedFields('responses')
  carried.leave(value, 'request')
  carried.leaveChat(value, PLACED)
  leaveSampling(value, carried)
  const { named_choice: _named, tool_choice: _choice, ...fields } = fieldsOf(value, 'responses')
  const own = withoutWithheldFields(fields, carried)
  const { instructions, input } = writeInput(value['messages'], facts, carried)
  const request = {
    model: facts.modelId,
    ...(instructions === undefined ? {} : { instructions }),
    input,
    ...maxTokensOf(value),
    ...numbersOf(value),
    ...writeTools(value['tools'], carried),
    ...writeToolChoice(value),
    ...textsOf(value),
    ...reasoningOf(value, facts, carried),
    ...textOf(value),
    ...own,
    ...includeOf(own['include'], facts),
    store: false,
    ...(facts.stream ? { stream: true } : {}),
  }
  carried.throwIfRefused()
  return { request, dropped: carried.dropped }
}

/** The API has no stop sequences: a response would go on behind them. */
function leaveSampling({ stop, top_k }: Fields, carried: CarriedFields): void {
  if (typeof stop === 'string' || (Array.isArray(stop) && stop.length > 0)) carried.note('refused', 'stop')
  if (typeof top_k === 'number') carried.note('dropped', 'top_k')
}

function maxTokensOf(value: Fields): Fields {
  const asked = value['max_completion_tokens'] ?? value['max_tokens']
  return typeof asked === 'number' ? { max_output_tokens: asked } : {}
}

function numbersOf(value: Fields): Fields {
  const fields: Record<string, unknown> = {}
  for (const name of ['temperature', 'top_p']) if (typeof value[name] === 'number') fields[name] = value[name]
  return fields
}

function textsOf(value: Fields): Fields {
  const { user } = value
  const fields: Record<string, unknown> = {}
  for (const name of ['prompt_cache_key', 'safety_identifier'])
    if (typeof value[name] === 'string') fields[name] = value[name]
  const { safety_identifier: own } = fieldsOf(value, 'responses')
  return typeof user === 'string' && own === undefined ? { ...fields, user } : fields
}

function reasoningOf(value: Fields, { reasons }: RequestOutFacts, carried: CarriedFields): Fields {
  const wish = isObject(value['reasoning']) ? value['reasoning'] : {}
  const { max_tokens: budget, enabled } = wish
  const asked = wish['effort'] ?? value['reasoning_effort'] ?? (enabled === false ? 'none' : undefined)
  if (reasons === false) return {}
  if (asked === undefined && typeof budget === 'number') carried.note('dropped', 'reasoning.max_tokens')
  return typeof asked === 'string' ? { reasoning: { effort: asked } } : {}
}

function textOf({ response_format: format, verbosity }: Fields): Fields {
  const text = {
    ...(isObject(format) && format['type'] !== 'text' ? { format: flatFormat(format) } : {}),
    ...(typeof verbosity === 'string' ? { verbosity } : {}),
  }
  return Object.keys(text).length === 0 ? {} : { text }
}

function flatFormat({ type, json_schema: named }: Fields): Fields {
  return isObject(named) ? { type, ...named } : { type }
}

/** The provider keeps no state, so that what is opaque has to travel. Models that do not reason refuse to be asked for it. */
function includeOf(include: unknown, { reasons }: RequestOutFacts): Fields {
  const own: readonly unknown[] = Array.isArray(include) ? include : []
  if (reasons !== true || own.includes(ENCRYPTED)) return {}
  return { include: [...own, ENCRYPTED] }
}
