import { createHash } from 'node:crypto'
import { isObject } from '../../wire/json/json-body.ts'
import { fieldsOf, type Fields } from '../chat-vocabulary.ts'

/** The longest name of a function that chat completions take, and its letters. */
const MAX_NAME = 64
const FOREIGN_LETTERS = /[^\w-]/g
const HASH_LENGTH = 8
/** OpenAI's models know a function without a namespace under this one. */
const USUAL_NAMESPACE = 'functions'

/** A tool as the caller knows it. */
export interface ToolName {
  readonly name: string
  readonly namespace?: string | undefined
  /** It takes free text, not JSON. */
  readonly isCustom: boolean
}

/**
 * The name of a tool where there are no namespaces. It is a pure function of both, so that calls in the history have the name
 * under which their tool is offered.
 */
export function flatName(name: string, namespace: string | undefined): string {
  const isUsual = namespace === undefined || namespace === '' || namespace === USUAL_NAMESPACE
  const full = isUsual ? name : `${namespace}__${name}`
  const clean = full.replace(FOREIGN_LETTERS, '_')
  if (clean === full && full.length <= MAX_NAME) return full
  const hash = createHash('sha256').update(full).digest('hex').slice(0, HASH_LENGTH)
  return `${clean.slice(0, MAX_NAME - HASH_LENGTH - 1)}_${hash}`
}

/** The tools of a chat that its caller knows under another name, or as tools of another kind, by the name in the chat. */
export function toolNamesIn(tools: unknown): ReadonlyMap<string, ToolName> {
  const names = new Map<string, ToolName>()
  for (const tool of Array.isArray(tools) ? (tools as readonly unknown[]) : []) {
    if (!isObject(tool) || !isObject(tool['function'])) continue
    const { name, namespace, is_custom } = fieldsOf(tool, 'responses')
    if (typeof name === 'string')
      names.set(String(tool['function']['name']), {
        name,
        namespace: typeof namespace === 'string' ? namespace : undefined,
        isCustom: is_custom === true,
      })
  }
  return names
}

/** The one parameter of a function that stands for a tool of free text. */
export const FREE_TEXT = 'input'

/** The text for a tool of free text in the arguments of its function. What is no such object is taken as it is. */
export function freeTextIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value) && typeof value[FREE_TEXT] === 'string') return value[FREE_TEXT]
  } catch {
    // Taken as it is.
  }
  return text
}

/** Arguments of the function that stands for a tool of free text. */
export function argumentsOfText(text: unknown): string {
  return JSON.stringify({ [FREE_TEXT]: typeof text === 'string' ? text : '' } satisfies Fields)
}
