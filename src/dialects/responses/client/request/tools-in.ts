import { isObject } from '../../../../wire/json/json-body.ts'
import { DIALECT_FIELDS, type Fields } from '../../../chat-vocabulary.ts'
import { flatName, FREE_TEXT } from '../../tool-names.ts'
import { invalid } from '../invalid.ts'

/** Where a tool was found that is not in the list of tools itself. */
interface Group {
  readonly namespace?: string | undefined
  readonly isLifted: boolean
}

const TOP: Group = { isLifted: false }

/** The tools of a request as functions. A tool that only OpenAI runs stays as it is. */
export function readTools(tools: unknown): readonly Fields[] {
  return readList(tools, 'tools', TOP)
}

/** Tools that stand among the items of the input. */
export function readAddedTools(tools: unknown, path: string): readonly Fields[] {
  return readList(tools, path, { isLifted: true })
}

function readList(tools: unknown, path: string, group: Group): readonly Fields[] {
  if (tools === undefined || tools === null) return []
  if (!Array.isArray(tools)) throw invalid(path, 'it must be a list')
  return tools.flatMap((tool: unknown, at) => {
    if (!isObject(tool)) throw invalid(`${path}[${at}]`, 'it must be an object')
    return readTool(tool, `${path}[${at}]`, group)
  })
}

function readTool(tool: Fields, path: string, group: Group): readonly Fields[] {
  const { type } = tool
  // The broker's own kinds of tools, which it runs.
  if (type === 'mcp' && tool['server_url'] === undefined) return [tool]
  if (type === 'function') return [functionTool(tool, path, group)]
  if (type === 'custom') return [customTool(tool, path, group)]
  const own = group.isLifted ? [] : [{ type: 'dialect_tool', dialect: 'responses', tool }]
  if (type !== 'namespace') return own
  const namespace = nameOf(tool, path)
  return [...own, ...readList(tool['tools'], `${path}.tools`, { namespace, isLifted: true })]
}

function nameOf({ name }: Fields, path: string): string {
  if (typeof name !== 'string' || name === '') throw invalid(`${path}.name`, 'it is required')
  return name
}

const FUNCTION_FIELDS = new Set(['type', 'name', 'description', 'parameters', 'strict'])

function functionTool(tool: Fields, path: string, group: Group): Fields {
  const name = nameOf(tool, path)
  const { description, parameters, strict } = tool
  const flat = flatName(name, group.namespace)
  const called = {
    name: flat,
    ...(description === undefined || description === null ? {} : { description }),
    ...(isObject(parameters) ? { parameters } : {}),
    ...(strict === undefined || strict === null ? {} : { strict }),
  }
  const rest = Object.entries(tool).filter(([field]) => !FUNCTION_FIELDS.has(field))
  // A tool from here has these fields even when they are empty: what it leaves out is left out on its way back.
  const own = { ...(group.isLifted ? {} : Object.fromEntries(rest)), ...ownName(name, flat, group) }
  return { type: 'function', function: called, [DIALECT_FIELDS]: { responses: own } }
}

function ownName(name: string, flat: string, { namespace, isLifted }: Group): Fields {
  return {
    ...(isLifted ? { is_lifted: true } : {}),
    ...(flat === name && namespace === undefined ? {} : { name, namespace }),
  }
}

const TEXT_PARAMETER = { type: 'string', description: 'The whole input of the tool, as plain text' }

/** A tool that takes free text is a function with one text. */
function customTool(tool: Fields, path: string, group: Group): Fields {
  const name = nameOf(tool, path)
  const { namespace, isLifted } = group
  return {
    type: 'function',
    function: {
      name: flatName(name, namespace),
      description: [tool['description'], grammarOf(tool['format'])].filter(isText).join('\n\n'),
      parameters: {
        type: 'object',
        properties: { [FREE_TEXT]: TEXT_PARAMETER },
        required: [FREE_TEXT],
        additionalProperties: false,
      },
    },
    [DIALECT_FIELDS]: {
      responses: {
        is_custom: true,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(isLifted ? { is_lifted: true } : { original: tool }),
      },
    },
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** A model that cannot be held to a grammar can still read it. */
function grammarOf(format: unknown): string | undefined {
  if (!isObject(format) || format['type'] !== 'grammar') return undefined
  return `The input must match this ${String(format['syntax'])} grammar:\n${String(format['definition'])}`
}

/** `tool_choice` of a chat; what a chat has no word for stays under its own name. */
export function toolChoiceOf(choice: unknown): Fields {
  if (choice === undefined || choice === null) return {}
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { tool_choice: choice }
  if (!isObject(choice)) throw invalid('tool_choice', 'it must be auto, none, required or an object')
  const { type, name, namespace } = choice
  if ((type !== 'function' && type !== 'custom') || typeof name !== 'string') return {}
  const flat = flatName(name, typeof namespace === 'string' ? namespace : undefined)
  return { tool_choice: { type: 'function', function: { name: flat } } }
}

/** The choices that `toolChoiceOf` has no word for, or that are written in another way. */
export function ownToolChoice(choice: unknown): Fields {
  if (!isObject(choice)) return {}
  if (choice['type'] === 'function' && choice['namespace'] === undefined) return {}
  return choice['type'] === 'custom' || choice['type'] === 'function'
    ? { named_choice: choice }
    : { tool_choice: choice }
}
