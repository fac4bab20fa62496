import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import type { FieldRule } from '../../field-rule.ts'

/**
 * Fields whose use is billed beside the tokens or at other rates, which the catalogue does not have: no request may cost more
 * than its hold, so that they are not passed on even to Anthropic (pricing page of its documentation, read 2026-11).
 */
const BILLED: Readonly<Record<string, FieldRule>> = {
  billing_policy: 'dropped',
  container: 'refused', // code execution, by the hour
  fallback_credit_token: 'dropped',
  fallbacks: 'dropped', // another model's prices
  inference_geo: 'refused', // 1.1 times the price
  mcp_servers: 'refused', // addresses that a request names
  service_tier: 'dropped',
  speed: 'dropped', // several times the price
  thread: 'refused',
}

/** Server tools that are billed by use, and those that call another model. */
const BILLED_TOOLS = ['web_search_', 'code_execution_', 'advisor_', 'mcp_toolset'] as const

/** The fields of a request without those that are billed on their own. */
export function withoutBilledFields(fields: Fields, carried: CarriedFields): Fields {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    const rule = Object.hasOwn(BILLED, name) ? BILLED[name] : undefined
    if (rule === undefined) kept[name] = value
    else if (value !== null && !isStandard(value)) carried.note(rule, name)
  }
  return kept
}

function isStandard(value: unknown): boolean {
  return value === 'standard' || value === 'standard_only' || value === 'auto' || value === 'global'
}

/** Whether a tool is billed beside its tokens. */
export function isBilledTool(tool: unknown): boolean {
  const type = isObject(tool) ? tool['type'] : undefined
  return typeof type === 'string' && BILLED_TOOLS.some((name) => type.startsWith(name))
}
