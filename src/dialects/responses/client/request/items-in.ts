import { isObject } from '../../../../wire/json/json-body.ts'
import { DIALECT_FIELDS, restAs, type Fields } from '../../../chat-vocabulary.ts'
import { AssistantTurn } from '../assistant-turn.ts'
import { invalid } from '../invalid.ts'
import { readParts } from './parts-in.ts'
import { readAddedTools } from './tools-in.ts'

/** What the items of an input are in a chat. */
export interface ReadItems {
  readonly messages: readonly Fields[]
  /** Tools that stood among the items. */
  readonly tools: readonly Fields[]
}

/** @param hasHistory the calls of some outputs may be in an earlier response. */
export function readItems(input: unknown, hasHistory: boolean): ReadItems {
  if (typeof input === 'string')
    return { messages: [{ role: 'user', content: input, ...ownFields({ is_string: true }) }], tools: [] }
  if (!Array.isArray(input)) throw invalid('input', 'it must be a text or a list of items')
  const conversation = new Conversation(hasHistory)
  for (const [at, item] of input.entries()) conversation.add(item, `input[${at}]`)
  return conversation.end()
}

function ownFields(responses: Fields): Fields {
  return { [DIALECT_FIELDS]: { responses } }
}

const ROLES: ReadonlySet<unknown> = new Set(['user', 'system', 'developer'])
/** Calls of tools that OpenAI runs are among the assistant's items. */
const HOSTED_CALL = /_call$/

class Conversation {
  readonly #messages: Fields[] = []
  readonly #tools: Fields[] = []
  readonly #hasHistory: boolean
  /** Where the message is that made a call, by the call's id. */
  readonly #calls = new Set<string>()
  #turn = new AssistantTurn()

  constructor(hasHistory: boolean) {
    this.#hasHistory = hasHistory
  }

  add(item: unknown, path: string): void {
    if (!isObject(item)) throw invalid(path, 'it must be an object')
    const { type = 'message', role } = item
    if (type === 'message') this.#addMessage(item, role, path)
    else if (type === 'reasoning') this.#turn.addReasoning(item)
    else if (type === 'function_call' || type === 'custom_tool_call') this.#addCall(item, path)
    else if (type === 'function_call_output' || type === 'custom_tool_call_output')
      this.#addOutput(item, path)
    else this.#addOther(item, String(type), path)
  }

  end(): ReadItems {
    this.#endTurn()
    return { messages: this.#messages, tools: this.#tools }
  }

  #endTurn(): void {
    if (this.#turn.isEmpty) return
    this.#messages.push(this.#turn.message())
    this.#turn = new AssistantTurn()
  }

  #addMessage(item: Fields, role: unknown, path: string): void {
    if (role === 'assistant') return this.#turn.addMessage(item, path)
    if (!ROLES.has(role)) throw invalid(`${path}.role`, 'it must be user, assistant, system or developer')
    this.#endTurn()
    this.#messages.push(messageOf(item, path))
    return undefined
  }

  #addCall(item: Fields, path: string): void {
    this.#turn.addCall(item, path)
    this.#calls.add(String(item['call_id']))
  }

  #addOutput(item: Fields, path: string): void {
    const { call_id: id } = item
    if (typeof id !== 'string') throw invalid(`${path}.call_id`, 'it is required')
    if (!this.#calls.has(id) && !this.#hasHistory)
      throw invalid(path, `No tool call found for the output with call_id ${id}`)
    this.#endTurn()
    this.#messages.splice(this.#placeOfResult(id), 0, toolMessage(item, path))
  }

  /** Results stand directly behind the message with their call; items may stand between the two. */
  #placeOfResult(id: string): number {
    const caller = this.#messages.findLastIndex((message) => calls(message, id))
    if (caller < 0) return this.#messages.length
    let place = caller + 1
    while (this.#messages[place]?.['role'] === 'tool') place++
    return place
  }

  #addOther(item: Fields, type: string, path: string): void {
    if (type === 'additional_tools') this.#tools.push(...readAddedTools(item['tools'], `${path}.tools`))
    if (HOSTED_CALL.test(type)) return this.#turn.addOwn(item)
    this.#endTurn()
    const block = { type: 'dialect_block', dialect: 'responses', block: item }
    this.#messages.push({ role: 'system', content: [block], ...ownFields({ is_item: true }) })
    return undefined
  }
}

function calls({ role, tool_calls: all }: Fields, id: string): boolean {
  return (
    role === 'assistant' &&
    Array.isArray(all) &&
    all.some((call: unknown) => isObject(call) && call['id'] === id)
  )
}

const MESSAGE_FIELDS = new Set(['role', 'content'])

function messageOf(item: Fields, path: string): Fields {
  const { role, content } = item
  if (typeof content !== 'string' && !Array.isArray(content))
    throw invalid(`${path}.content`, 'it must be a text or a list of parts')
  const read = typeof content === 'string' ? content : readParts(content, `${path}.content`)
  const rest = Object.fromEntries(Object.entries(item).filter(([name]) => !MESSAGE_FIELDS.has(name)))
  const own = role === 'developer' ? { ...rest, role } : rest
  return {
    role: role === 'developer' ? 'system' : role,
    content: read,
    ...(Object.keys(own).length === 0 ? {} : ownFields(own)),
  }
}

const OUTPUT_FIELDS = new Set(['type', 'call_id', 'output'])

function toolMessage(item: Fields, path: string): Fields {
  const { type, call_id, output } = item
  const marks = type === 'custom_tool_call_output' ? { is_custom: true } : {}
  const known = Object.entries(item).filter(([name]) => !OUTPUT_FIELDS.has(name))
  return {
    role: 'tool',
    tool_call_id: call_id,
    content: Array.isArray(output) ? readParts(output, `${path}.output`) : outputText(output),
    ...restAs('responses', { ...Object.fromEntries(known), ...marks }, NOTHING),
  }
}

const NOTHING: ReadonlySet<string> = new Set()

function outputText(output: unknown): string {
  if (typeof output === 'string') return output
  return output === undefined || output === null ? '' : JSON.stringify(output)
}
