import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { camelNames, camelObject } from '../../camel-names.ts'
import { invalid } from '../invalid.ts'
import { jsonSchemaOf } from './schema-in.ts'

const NO_PARAMETERS = { type: 'object', properties: {} }

/** Function declarations as functions; each tool that only Google has stays as it is. */
export function readTools(tools: unknown): Fields {
  if (tools === undefined || tools === null) return {}
  if (!Array.isArray(tools)) throw invalid('tools', 'must be a list')
  const read = tools.flatMap(readTool)
  return read.length === 0 ? {} : { tools: read }
}

function readTool(tool: unknown, at: number): readonly Fields[] {
  if (!isObject(tool)) throw invalid(`tools[${at}]`, 'must be an object')
  // A tool of the broker, which runs it; its type is the broker's own.
  if (tool['type'] === 'mcp') return [tool]
  const { functionDeclarations: declared, ...hosted } = camelNames(tool)
  if (declared !== undefined && !Array.isArray(declared))
    throw invalid(`tools[${at}].functionDeclarations`, 'must be a list')
  const functions = (declared ?? []).map((one: unknown, nth: number) =>
    readDeclaration(one, `tools[${at}].functionDeclarations[${nth}]`),
  )
  const others = Object.entries(hosted).map(([name, settings]) => hostedTool(name, settings))
  return [...functions, ...others]
}

function hostedTool(name: string, settings: unknown): Fields {
  return { type: 'dialect_tool', dialect: 'gemini', tool: { [name]: settings } }
}

function readDeclaration(declaration: unknown, path: string): Fields {
  if (!isObject(declaration)) throw invalid(path, 'must be an object')
  const { name, description, parameters, parametersJsonSchema, ...rest } = camelNames(declaration)
  if (typeof name !== 'string' || name === '') throw invalid(`${path}.name`, 'is required')
  const schema = parametersJsonSchema ?? parameters
  const own = {
    ...(parameters === undefined ? {} : { parameters }),
    ...(parametersJsonSchema === undefined ? {} : { parametersJsonSchema }),
    ...rest,
  }
  return {
    type: 'function',
    function: {
      name,
      ...(description === undefined ? {} : { description }),
      parameters: isObject(schema) ? jsonSchemaOf(schema) : NO_PARAMETERS,
    },
    dialect_fields: { gemini: own },
  }
}

const CHOICES: Readonly<Record<string, string>> = {
  AUTO: 'auto',
  VALIDATED: 'auto',
  ANY: 'required',
  NONE: 'none',
}

/** `toolConfig` as a choice of tools; it stays itself as well, for Google. */
export function toolChoiceOf(toolConfig: unknown): Fields {
  if (!isObject(toolConfig)) return {}
  const calling = camelObject(camelNames(toolConfig)['functionCallingConfig'])
  const { mode, allowedFunctionNames: allowed } = calling
  const choice = CHOICES[String(mode).toUpperCase()]
  if (choice === undefined) return {}
  const [only, ...more] = Array.isArray(allowed) ? (allowed as readonly unknown[]) : []
  if (choice === 'required' && only !== undefined && more.length === 0)
    return { tool_choice: { type: 'function', function: { name: only } } }
  return { tool_choice: choice }
}

/** Several allowed functions have no place in a choice of tools. */
export function restrictsTools(toolConfig: unknown): boolean {
  const { allowedFunctionNames: allowed } = camelObject(camelObject(toolConfig)['functionCallingConfig'])
  return Array.isArray(allowed) && allowed.length > 1
}
