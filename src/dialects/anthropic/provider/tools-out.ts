import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { isBilledTool } from './billed-fields.ts'

const NO_PARAMETERS = { type: 'object', properties: {} }

/** The tools of a chat. */
export function writeTools(tools: unknown, carried: CarriedFields): Fields {
  if (!Array.isArray(tools)) return {}
  const written = tools.flatMap((tool: unknown) => (isObject(tool) ? writeTool(tool, carried) : []))
  return written.length === 0 ? {} : { tools: written }
}

function writeTool(tool: Fields, carried: CarriedFields): readonly unknown[] {
  if (tool['type'] === 'dialect_tool') return ownTool(tool, carried)
  const { function: called, cache_control } = tool
  if (!isObject(called)) {
    carried.note('refused', `tools of the type ${String(tool['type'])}`)
    return []
  }
  carried.leave(tool, 'tool')
  const { name, description, parameters, strict } = called
  const written = {
    name,
    ...(description === undefined || description === null ? {} : { description }),
    input_schema: isObject(parameters) ? parameters : NO_PARAMETERS,
    ...(strict === undefined || strict === null ? {} : { strict }),
    ...(cache_control === undefined ? {} : { cache_control }),
    ...fieldsOf(tool, 'anthropic'),
  }
  return [written]
}

function ownTool(tool: Fields, carried: CarriedFields): readonly unknown[] {
  if (tool['dialect'] !== 'anthropic') {
    carried.leaveBlock(tool)
    return []
  }
  if (!isBilledTool(tool['tool'])) return [tool['tool']]
  carried.note('dropped', isObject(tool['tool']) ? String(tool['tool']['type']) : 'tool')
  return []
}

const CHOICES: Readonly<Record<string, string>> = { auto: 'auto', required: 'any', none: 'none' }

/** `tool_choice`, which also says whether calls may be parallel. */
export function writeToolChoice({
  tools,
  tool_choice: choice,
  parallel_tool_calls: parallel,
}: Fields): Fields {
  if (!Array.isArray(tools) || tools.length === 0) return {}
  const serial = typeof parallel === 'boolean' ? { disable_parallel_tool_use: !parallel } : {}
  if (isObject(choice) && isObject(choice['function']))
    return { tool_choice: { type: 'tool', name: choice['function']['name'], ...serial } }
  if (choice === 'none') return { tool_choice: { type: 'none' } }
  const type = typeof choice === 'string' ? CHOICES[choice] : undefined
  if (type !== undefined) return { tool_choice: { type, ...serial } }
  return parallel === false ? { tool_choice: { type: 'auto', ...serial } } : {}
}
