import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { withSingleTypes } from '../../chat/single-types.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { isBilledTool } from './billed-fields.ts'

/** The tools of a chat: all functions in one tool, each hosted tool in its own. */
export function writeTools(tools: unknown, carried: CarriedFields): Fields {
  if (!Array.isArray(tools)) return {}
  const functionDeclarations: Fields[] = []
  const hosted: Fields[] = []
  for (const tool of tools.filter(isObject)) {
    if (tool['type'] === 'dialect_tool') hosted.push(...ownTool(tool, carried))
    else if (isObject(tool['function']))
      functionDeclarations.push(declaration(tool, tool['function'], carried))
    else carried.note('refused', `tools of the type ${String(tool['type'])}`)
  }
  const written = [...(functionDeclarations.length === 0 ? [] : [{ functionDeclarations }]), ...hosted]
  return written.length === 0 ? {} : { tools: written }
}

function declaration(
  tool: Fields,
  { name, description, parameters }: Fields,
  carried: CarriedFields,
): Fields {
  carried.leave(tool, 'tool')
  if (tool['cache_control'] !== undefined) carried.note('dropped', 'cache_control')
  const own = fieldsOf(tool, 'gemini')
  const isOwn =
    tool['dialect_fields'] !== undefined &&
    isObject(tool['dialect_fields']) &&
    'gemini' in tool['dialect_fields']
  return {
    name,
    ...(description === undefined || description === null ? {} : { description }),
    // JSON Schema, where `parameters` takes Google's own subset alone; of types, one for each schema.
    ...(isOwn || !isObject(parameters) ? {} : { parametersJsonSchema: withSingleTypes(parameters) }),
    ...own,
  }
}

function ownTool(tool: Fields, carried: CarriedFields): readonly Fields[] {
  const { dialect, tool: own } = tool
  if (dialect !== 'gemini' || !isObject(own)) {
    carried.leaveBlock(tool)
    return []
  }
  if (!isBilledTool(own)) return [own]
  carried.note('dropped', String(Object.keys(own)[0]))
  return []
}

const MODES: Readonly<Record<string, string>> = { auto: 'AUTO', required: 'ANY', none: 'NONE' }

/** `toolConfig`, unless the caller wrote it itself. */
export function writeToolConfig(value: Fields, carried: CarriedFields): Fields {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = value
  if ('toolConfig' in fieldsOf(value, 'gemini') || !Array.isArray(tools) || tools.length === 0) return {}
  if (parallel === false) carried.note('dropped', 'parallel_tool_calls')
  const mode = typeof choice === 'string' ? MODES[choice] : undefined
  const name = isObject(choice) && isObject(choice['function']) ? choice['function']['name'] : undefined
  if (name !== undefined) return calling({ mode: 'ANY', allowedFunctionNames: [name] })
  if (isObject(choice)) carried.note('refused', 'tool_choice')
  return mode === undefined ? {} : calling({ mode })
}

function calling(functionCallingConfig: Fields): Fields {
  return { toolConfig: { functionCallingConfig } }
}
