import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { refuseMedia } from './billed-fields.ts'
import type { RequestOutFacts } from './request-out-facts.ts'

/** What stands before the names of a caller's own fields of `generationConfig`. */
const GENERATION = 'generationConfig.'

/** The fields of a chat that `generationConfig` has under other names. */
const NAMES: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
  seed: 'seed',
  n: 'candidateCount',
  logprobs: 'responseLogprobs',
  top_logprobs: 'logprobs',
}

/** `generationConfig`; absent when there is nothing in it. */
export function writeGeneration(value: Fields, facts: RequestOutFacts, carried: CarriedFields): Fields {
  const own = ownGeneration(value)
  refuseMedia(own['responseModalities'], carried)
  const config: Record<string, unknown> = {}
  for (const [name, itsName] of Object.entries(NAMES)) {
    const field = value[name]
    if (field !== undefined && field !== null) config[itsName] = field
  }
  const maxOutputTokens = value['max_completion_tokens'] ?? value['max_tokens']
  const whole = {
    ...config,
    ...(typeof maxOutputTokens === 'number' ? { maxOutputTokens } : {}),
    ...stopOf(value['stop']),
    ...('responseMimeType' in own ? {} : formatOf(value['response_format'])),
    ...('thinkingConfig' in own ? {} : thinkingOf(value, facts, carried)),
    ...own,
  }
  return Object.keys(whole).length === 0 ? {} : { generationConfig: whole }
}

function ownGeneration(value: Fields): Fields {
  const own = Object.entries(fieldsOf(value, 'gemini')).filter(([name]) => name.startsWith(GENERATION))
  return Object.fromEntries(own.map(([name, field]) => [name.slice(GENERATION.length), field]))
}

function stopOf(stop: unknown): Fields {
  if (typeof stop === 'string') return { stopSequences: [stop] }
  return Array.isArray(stop) && stop.length > 0 ? { stopSequences: stop } : {}
}

function formatOf(format: unknown): Fields {
  if (!isObject(format) || format['type'] === 'text') return {}
  const json = { responseMimeType: 'application/json' }
  const { json_schema: named } = format
  return isObject(named) && isObject(named['schema'])
    ? { ...json, responseJsonSchema: named['schema'] }
    : json
}

/** Models that think within a budget of tokens; later ones have levels (documentation, read 2026-11). */
const THINKS_BY_BUDGET = /gemini-(2\.5|flash-latest|pro-latest)|robotics/
/** OpenRouter's shares of the maximum, of the smallest maximum of the models that think by budget. */
const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 512,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 24_576,
  max: 24_576,
}
const LEVELS: Readonly<Record<string, string>> = {
  minimal: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  xhigh: 'XHIGH',
  max: 'XHIGH',
}

/** `thinkingConfig`, as the caller wishes in OpenRouter's words. Thoughts are asked for whenever a model may think. */
function thinkingOf(value: Fields, { modelId, reasons }: RequestOutFacts, carried: CarriedFields): Fields {
  const reasoning = isObject(value['reasoning']) ? value['reasoning'] : {}
  const effort = reasoning['effort'] ?? value['reasoning_effort']
  const { max_tokens: budget, enabled } = reasoning
  const isWished = effort !== undefined || budget !== undefined || enabled !== undefined
  if (reasons === false) {
    if (isWished && enabled !== false && effort !== 'none') carried.note('dropped', 'reasoning')
    return {}
  }
  if (!isWished) return reasons === true ? { thinkingConfig: { includeThoughts: true } } : {}
  const byBudget = THINKS_BY_BUDGET.test(modelId)
  if (enabled === false || effort === 'none')
    return { thinkingConfig: byBudget ? { thinkingBudget: 0 } : { thinkingLevel: 'MINIMAL' } }
  const amount = byBudget ? budgetOf(effort, budget) : levelOf(effort, budget)
  return { thinkingConfig: { includeThoughts: true, ...amount } }
}

function budgetOf(effort: unknown, budget: unknown): Fields {
  const thinkingBudget = typeof budget === 'number' ? budget : BUDGETS[String(effort)]
  return { thinkingBudget: thinkingBudget ?? -1 }
}

function levelOf(effort: unknown, budget: unknown): Fields {
  const thinkingLevel = LEVELS[String(effort)]
  if (thinkingLevel !== undefined) return { thinkingLevel }
  return typeof budget === 'number' ? { thinkingBudget: budget } : {}
}
