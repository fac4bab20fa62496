import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { DIALECT_FIELDS, fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { withoutBilledTools } from './billed-fields.ts'

/** The tools of a chat. */
export function writeTools(tools: unknown, carried: CarriedFields): Fields {
  if (!Array.isArray(tools)) return {}
  const written = tools.flatMap((tool: unknown) => (isObject(tool) ? writeTool(tool, carried) : []))
  return written.length === 0 ? {} : { tools: written }
}

function writeTool(tool: Fields, carried: CarriedFields): readonly unknown[] {
  if (tool['type'] === 'dialect_tool') return ownTool(tool, carried)
  const { function: called } = tool
  if (!isObject(called)) {
    carried.note('refused', `tools of the type ${String(tool['type'])}`)
    return []
  }
  carried.leave(tool, 'tool')
  const { is_lifted, original, is_custom: _custom, ...own } = fieldsOf(tool, 'responses')
  // It is in its namespace, or among the items.
  if (is_lifted === true) return []
  return [original ?? functionTool(called, isOwn(tool), own)]
}

function isOwn(tool: Fields): boolean {
  const all = tool[DIALECT_FIELDS]
  return isObject(all) && isObject(all['responses'])
}

/** OpenAI tries to be strict where nothing is said; a chat is not. */
function functionTool(called: Fields, isFromResponses: boolean, own: Fields): Fields {
  const { name, description, parameters, strict } = called
  const usual = isFromResponses ? {} : { strict: false }
  return {
    type: 'function',
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(typeof strict === 'boolean' ? { strict } : usual),
    ...own,
  }
}

function ownTool(tool: Fields, carried: CarriedFields): readonly unknown[] {
  if (tool['dialect'] === 'responses') return withoutBilledTools([tool['tool']], carried)
  carried.leaveBlock(tool)
  return []
}

/** `tool_choice`, as the caller wrote it where it is from this dialect. */
export function writeToolChoice(value: Fields): Fields {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = value
  const { named_choice, tool_choice } = fieldsOf(value, 'responses')
  const serial = typeof parallel === 'boolean' ? { parallel_tool_calls: parallel } : {}
  const own = tool_choice ?? named_choice
  if (own !== undefined) return { tool_choice: own, ...serial }
  if (!Array.isArray(tools) || tools.length === 0) return serial
  if (isObject(choice) && isObject(choice['function']))
    return { tool_choice: { type: 'function', name: choice['function']['name'] }, ...serial }
  return typeof choice === 'string' ? { tool_choice: choice, ...serial } : serial
}
