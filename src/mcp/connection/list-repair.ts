import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client'
import { repairResult } from './result-repair.ts'

const MAX_PROBLEMS = 20
const MAX_NAME = 128

/** By method: the field of the result that holds the items, and what an item must have to be usable. */
const LISTS: Readonly<
  Record<string, { readonly field: string; readonly repair: (item: Item) => Item | string }>
> = {
  'tools/list': { field: 'tools', repair: repairTool },
  'prompts/list': { field: 'prompts', repair: repairPrompt },
  'resources/list': { field: 'resources', repair: (item) => withText(item, 'uri') },
  'resources/templates/list': { field: 'resourceTemplates', repair: (item) => withText(item, 'uriTemplate') },
}

type Item = Readonly<Record<string, unknown>>

/** What a server's lists had in them that could not be used, by method, since each list was last requested. */
export type ListProblems = Map<string, string[]>

/**
 * Repairs results of tools, and the lists that arrive at `transport` item by item, before the SDK checks them: it refuses a whole list for one odd
 * item, so that one careless definition would hide all tools of its server. Fields that are `null` count as absent, and an item
 * that can't be used is left out and named in `problems`.
 */
export function repairLists(transport: Transport, problems: ListProblems): void {
  const pending = new Map<string | number, string>()
  const send = transport.send.bind(transport)
  transport.send = (message, options) => {
    if ('method' in message && 'id' in message && isRepaired(message.method)) {
      pending.set(message.id, message.method)
      if (message.method !== TOOL_CALL && message.params?.['cursor'] === undefined)
        problems.set(message.method, [])
    }
    return send(message, options)
  }
  const deliver = transport.onmessage
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no event target
  transport.onmessage = (message, extra) => deliver?.(repaired(message), extra)
  function repaired<T extends JSONRPCMessage>(message: T): T {
    if (pending.size === 0 || !('id' in message) || 'method' in message || message.id === undefined)
      return message
    const method = pending.get(message.id)
    pending.delete(message.id)
    if (method === undefined || !('result' in message)) return message
    if (method === TOOL_CALL) return { ...message, result: repairResult(message.result) }
    return { ...message, result: repairList(method, message.result, problems.get(method) ?? []) }
  }
}

const TOOL_CALL = 'tools/call'

function isRepaired(method: string): boolean {
  return method === TOOL_CALL || Object.hasOwn(LISTS, method)
}

/** The field of the result of `method` that holds the items. */
export function listField(method: string): string {
  return LISTS[method]?.field ?? method
}

function repairList<T>(method: string, result: T, problems: string[]): T {
  const list = LISTS[method]
  const items: unknown = list === undefined ? undefined : (result as Item)[list.field]
  if (list === undefined || !Array.isArray(items)) return result
  const usable: Item[] = []
  for (const item of items as readonly unknown[]) {
    const repaired = isItem(item) ? list.repair(withoutNulls(item)) : 'it is no object'
    if (typeof repaired !== 'string') usable.push(repaired)
    else if (problems.length < MAX_PROBLEMS) problems.push(`${nameOf(item)}: ${repaired}`)
  }
  return { ...result, [list.field]: usable }
}

function repairTool(tool: Item): Item | string {
  const named = withText(withTextFields(tool), 'name')
  if (typeof named === 'string') return named
  const { inputSchema: given = {}, outputSchema: declared, ...rest } = named
  const inputSchema = repairSchema(given)
  if (inputSchema === undefined) return 'its input schema is not that of an object'
  // The result of a tool is usable without its schema.
  const outputSchema = declared === undefined ? undefined : repairSchema(declared)
  return { ...rest, inputSchema, ...(outputSchema === undefined ? {} : { outputSchema }) }
}

/** A schema of an object; `undefined` for one of something else. What JSON Schema reads as “anything” becomes “any object”. */
function repairSchema(schema: unknown): Item | undefined {
  if (schema === true) return { type: 'object' }
  if (!isItem(schema)) return undefined
  const { type = 'object', properties, required, ...rest } = withoutNulls(schema)
  const isObject = type === 'object' || (Array.isArray(type) && type.includes('object'))
  if (!isObject || (properties !== undefined && !isItem(properties))) return undefined
  const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : undefined
  return {
    ...rest,
    type: 'object',
    ...(properties === undefined ? {} : { properties: schemasOf(properties) }),
    ...(names === undefined ? {} : { required: names }),
  }
}

/** `null` in place of a schema says nothing about a property. */
function schemasOf(properties: Item): Item {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, schema ?? {}]))
}

function repairPrompt(prompt: Item): Item | string {
  const named = withText(withTextFields(prompt), 'name')
  if (typeof named === 'string') return named
  const { arguments: args, ...rest } = named
  if (args === undefined) return rest
  if (!Array.isArray(args)) return 'its arguments are no list'
  const usable = (args as readonly unknown[]).filter(isItem).map((arg) => withTextFields(withoutNulls(arg)))
  return { ...rest, arguments: usable.filter((arg) => typeof arg['name'] === 'string') }
}

/** Without a description or title that is no text. */
function withTextFields(item: Item): Item {
  const isOdd = ([key, value]: [string, unknown]): boolean =>
    (key === 'description' || key === 'title') && typeof value !== 'string'
  const isNoObject = ([key, value]: [string, unknown]): boolean =>
    (key === 'annotations' || key === '_meta') && !isItem(value)
  const isNoList = ([key, value]: [string, unknown]): boolean => key === 'icons' && !Array.isArray(value)
  return Object.fromEntries(
    Object.entries(item).filter((entry) => !isOdd(entry) && !isNoObject(entry) && !isNoList(entry)),
  )
}

function withText(item: Item, key: string): Item | string {
  const text = item[key]
  if (typeof text !== 'string' || text === '') return `it has no ${key}`
  if (key === 'name') return item
  const fields = withTextFields(item)
  return typeof fields['name'] === 'string' ? fields : { ...fields, name: text }
}

function withoutNulls(item: Item): Item {
  return Object.values(item).includes(null)
    ? Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null))
    : item
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function nameOf(item: unknown): string {
  const name = isItem(item) ? (item['name'] ?? item['uri'] ?? item['uriTemplate']) : undefined
  return typeof name === 'string' && name !== '' ? name.slice(0, MAX_NAME) : 'an item without a name'
}
