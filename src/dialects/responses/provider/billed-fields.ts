import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import type { FieldRule } from '../../field-rule.ts'

/**
 * Fields that are not passed on even to OpenAI: those whose use is billed at other rates, which the catalogue does not have,
 * and those whose state the broker keeps itself (pricing page and reference of its documentation, read 2026-11).
 */
const WITHHELD: Readonly<Record<string, FieldRule>> = {
  access_programs: 'dropped',
  background: 'mapped',
  background_options: 'dropped',
  conversation: 'refused',
  moderation: 'dropped',
  previous_response_id: 'mapped',
  prompt: 'refused',
  service_tier: 'dropped',
  store: 'mapped',
  stream_options: 'mapped',
}

/** The fields of a request without those that are withheld. */
export function withoutWithheldFields(fields: Fields, carried: CarriedFields): Fields {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    const rule = Object.hasOwn(WITHHELD, name) ? WITHHELD[name] : undefined
    if (rule === undefined) kept[name] = value
    else if (value !== null && value !== 'auto' && value !== 'default') carried.note(rule, name)
  }
  return kept
}

/** The tools that the caller runs. OpenAI runs the others, and bills them beside the tokens. */
const CALLERS_TOOLS: ReadonlySet<unknown> = new Set([
  'function',
  'custom',
  'namespace',
  'tool_search',
  'apply_patch',
  'local_shell',
])

/** Tools without those that are billed. */
export function withoutBilledTools(tools: readonly unknown[], carried: CarriedFields): readonly unknown[] {
  return tools.filter((tool: unknown) => {
    const type = isObject(tool) ? tool['type'] : undefined
    const isKept = CALLERS_TOOLS.has(type)
    if (!isKept) carried.note('dropped', String(type))
    return isKept
  })
}

/** Items without what is billed in them, and without references to a state that the provider does not keep. */
export function checkItem(item: Fields, carried: CarriedFields): Fields {
  if (item['type'] === 'item_reference') carried.note('refused', 'item_reference')
  const { type, tools } = item
  if (type !== 'additional_tools' || !Array.isArray(tools)) return item
  const kept = withoutBilledTools(tools, carried)
  return kept.length === tools.length ? item : { ...item, tools: kept }
}
