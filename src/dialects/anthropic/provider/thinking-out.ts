import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'

/** Models that think within a budget of tokens and know no efforts; later ones decide themselves (`adaptive`). Read 2026-11. */
const THINKS_BY_BUDGET = /claude-(3-7-|(opus|sonnet|haiku)-4(-[015])?(-\d{8})?$)/
const MIN_BUDGET = 1024

/** OpenRouter's share of the maximum tokens that each effort may spend on reasoning. */
const SHARES: Readonly<Record<string, number>> = {
  minimal: 0.1,
  low: 0.2,
  medium: 0.5,
  high: 0.8,
  xhigh: 0.95,
  max: 0.95,
}

interface ThinkingFacts {
  readonly modelId: string
  readonly maxTokens: number
  readonly reasons: boolean | undefined
}

/** `thinking` and `output_config`, where the caller did not write them itself. */
export function thinkingOf(value: Fields, facts: ThinkingFacts, carried: CarriedFields): Fields {
  const own = fieldsOf(value, 'anthropic')
  const format = formatOf(value['response_format'], carried)
  const wish = 'thinking' in own || 'output_config' in own ? {} : wishOf(value, facts, carried)
  const { effort, ...thinking } = wish
  const config = { ...(effort === undefined ? {} : { effort }), ...format }
  return { ...thinking, ...(Object.keys(config).length === 0 ? {} : { output_config: config }) }
}

function formatOf(format: unknown, carried: CarriedFields): Fields {
  if (!isObject(format) || format['type'] === 'text') return {}
  const { json_schema: named } = format
  if (isObject(named)) return { format: { type: 'json_schema', schema: named['schema'] } }
  carried.note('dropped', 'response_format')
  return {}
}

function wishOf(value: Fields, facts: ThinkingFacts, carried: CarriedFields): Fields {
  const reasoning = isObject(value['reasoning']) ? value['reasoning'] : {}
  const effort = reasoning['effort'] ?? value['reasoning_effort']
  const { max_tokens: budget, enabled } = reasoning
  if (effort === 'none' || enabled === false)
    return facts.reasons === false ? {} : { thinking: { type: 'disabled' } }
  if (effort === undefined && budget === undefined && enabled !== true) return {}
  if (facts.reasons === false || isForced(value['tool_choice'])) {
    carried.note('dropped', 'reasoning')
    return {}
  }
  if (typeof budget === 'number' || THINKS_BY_BUDGET.test(facts.modelId))
    return budgetFor(typeof budget === 'number' ? budget : shareOf(effort) * facts.maxTokens, facts, carried)
  const known = effort === 'minimal' ? 'low' : effort
  return { thinking: { type: 'adaptive' }, ...(typeof known === 'string' ? { effort: known } : {}) }
}

function shareOf(effort: unknown): number {
  return SHARES[String(effort)] ?? 0.5
}

/** A budget must leave tokens for the response, and have a minimum; where both do not fit, there is no thinking. */
function budgetFor(wanted: number, { maxTokens }: ThinkingFacts, carried: CarriedFields): Fields {
  const budget_tokens = Math.min(Math.max(MIN_BUDGET, Math.floor(wanted)), maxTokens - 1)
  if (budget_tokens >= MIN_BUDGET) return { thinking: { type: 'enabled', budget_tokens } }
  carried.note('dropped', 'reasoning')
  return {}
}

/** Anthropic refuses thinking together with a tool that must be called. */
function isForced(choice: unknown): boolean {
  return choice === 'required' || isObject(choice)
}
