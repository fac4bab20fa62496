import { isObject } from '../../../wire/json/json-body.ts'
import { restAs, type Fields } from '../../chat-vocabulary.ts'
import { invalid } from './invalid.ts'

const MAPPED = new Set(['name', 'description', 'input_schema', 'strict', 'cache_control'])

/** The caller's tools as functions; a tool that only Anthropic has stays as it is. */
export function readTools(tools: unknown): Fields {
  if (tools === undefined || tools === null) return {}
  if (!Array.isArray(tools)) throw invalid('tools', 'must be a list')
  return { tools: tools.map(readTool) }
}

function readTool(tool: unknown, at: number): Fields {
  if (!isObject(tool)) throw invalid(`tools.${at}`, 'must be an object')
  const { type, name, description, input_schema: parameters, strict, cache_control } = tool
  // A tool of the broker, which runs it; its type is the broker's own.
  if (type === 'mcp') return tool
  if (type !== undefined && type !== null && type !== 'custom')
    return { type: 'dialect_tool', dialect: 'anthropic', tool }
  if (typeof name !== 'string' || name === '') throw invalid(`tools.${at}.name`, 'Field required')
  if (!isObject(parameters)) throw invalid(`tools.${at}.input_schema`, 'Field required')
  return {
    type: 'function',
    function: {
      name,
      ...(description === undefined ? {} : { description }),
      parameters,
      ...(strict === undefined ? {} : { strict }),
    },
    ...(cache_control === undefined ? {} : { cache_control }),
    ...restAs('anthropic', tool, MAPPED),
  }
}

const CHOICES: Readonly<Record<string, unknown>> = { auto: 'auto', any: 'required', none: 'none' }

/** `tool_choice`, and with it whether calls may be parallel. */
export function toolChoiceOf(choice: unknown): Fields {
  if (choice === undefined || choice === null) return {}
  if (!isObject(choice)) throw invalid('tool_choice', 'must be an object')
  const { type, name, disable_parallel_tool_use: isSerial } = choice
  const parallel = isSerial === undefined ? {} : { parallel_tool_calls: isSerial !== true }
  if (type === 'tool') return { tool_choice: { type: 'function', function: { name } }, ...parallel }
  const tool_choice = CHOICES[String(type)]
  if (tool_choice === undefined) throw invalid('tool_choice.type', 'must be one of auto, any, tool, none')
  return { tool_choice, ...parallel }
}
