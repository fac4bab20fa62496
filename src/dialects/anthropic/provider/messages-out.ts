import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { inOrder } from '../../block-order.ts'
import { inputOf } from '../../tool-input.ts'
import { writeParts } from './parts-out.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { writeThoughts } from './thoughts-out.ts'

type Facts = Pick<RequestOutFacts, 'open' | 'takesLateSystem'>

/** The system prompt and the turns of a chat. */
export interface WrittenMessages {
  readonly system: unknown
  readonly messages: readonly Fields[]
}

/** Messages as Anthropic has them: the system prompt apart, results of tools in the turn of the user. */
export function writeMessages(messages: unknown, facts: Facts, carried: CarriedFields): WrittenMessages {
  const all = (Array.isArray(messages) ? messages : []).filter(isObject)
  const first = all.findIndex((message) => !isSystem(message) || isTurn(message))
  const [leading, rest] = first < 0 ? [all, []] : [all.slice(0, first), all.slice(first)]
  const turns = new Turns(facts, carried)
  for (const message of rest) turns.add(message)
  return { system: systemOf(leading, carried), messages: turns.all }
}

function isSystem({ role }: Fields): boolean {
  return role === 'system' || role === 'developer'
}

/** The mark of a message that was a turn of its own where it would otherwise be joined with the one before. */
function isTurn(message: Fields): boolean {
  return fieldsOf(message, 'anthropic')['is_turn'] === true
}

function systemOf(messages: readonly Fields[], carried: CarriedFields): unknown {
  const [only] = messages
  if (only === undefined) return undefined
  if (messages.length === 1 && typeof only['content'] === 'string') return only['content']
  return messages.flatMap(({ content }) => writeParts(content, carried))
}

class Turns {
  readonly all: Fields[] = []
  readonly #facts: Facts
  readonly #carried: CarriedFields
  /** The blocks of a user's turn that has begun with the results of tools. */
  #results: Fields[] | undefined

  constructor(facts: Facts, carried: CarriedFields) {
    this.#facts = facts
    this.#carried = carried
  }

  add(message: Fields): void {
    this.#carried.leave(message, 'message')
    if (isTurn(message)) this.#results = undefined
    if (message['role'] === 'tool') return this.#addResult(message)
    if (message['role'] === 'user') return this.#addUser(message)
    if (isSystem(message) && !this.#facts.takesLateSystem) return this.#addInstruction(message)
    this.#results = undefined
    if (isSystem(message)) this.#addTurn('system', message, textOf(message['content'], this.#carried))
    else if (message['role'] === 'assistant') this.#addTurn('assistant', message, this.#assistant(message))
    else this.#carried.note('refused', `messages of the role ${String(message['role'])}`)
    return undefined
  }

  #addTurn(role: string, message: Fields, content: unknown): void {
    const { is_turn: _mark, ...own } = fieldsOf(message, 'anthropic')
    if (!isEmpty(content)) this.all.push({ role, content, ...own })
  }

  #addUser(message: Fields): void {
    const { content } = message
    if (this.#results !== undefined) this.#results.push(...writeParts(content, this.#carried))
    else this.#addTurn('user', message, textOf(content, this.#carried))
    this.#results = undefined
  }

  #addInstruction({ content }: Fields): void {
    const block = { type: 'text', text: `<system>\n${plainText(content)}\n</system>` }
    if (this.#results === undefined) this.all.push({ role: 'user', content: [block] })
    else this.#results.push(block)
  }

  #addResult({ tool_call_id: id, content, is_error, cache_control }: Fields): void {
    const result = {
      type: 'tool_result',
      tool_use_id: id,
      content: textOf(content, this.#carried),
      ...(is_error === undefined ? {} : { is_error }),
      ...(cache_control === undefined ? {} : { cache_control }),
    }
    if (this.#results !== undefined) {
      this.#results.push(result)
      return
    }
    this.#results = [result]
    this.all.push({ role: 'user', content: this.#results })
  }

  #assistant(message: Fields): unknown {
    const { content, reasoning_details: details, tool_calls: calls } = message
    const hasMore = Array.isArray(details) || (Array.isArray(calls) && calls.length > 0)
    if (typeof content === 'string' && !hasMore) return content
    return inOrder(message['content_order'], {
      reasoning: writeThoughts(details, this.#facts, this.#carried),
      content: writeParts(content, this.#carried),
      tool_call: (Array.isArray(calls) ? calls : []).flatMap((call: unknown) =>
        isObject(call) ? writeCall(call) : [],
      ),
    })
  }
}

function isEmpty(content: unknown): boolean {
  return (
    content === '' ||
    content === null ||
    content === undefined ||
    (Array.isArray(content) && content.length === 0)
  )
}

function textOf(content: unknown, carried: CarriedFields): unknown {
  return typeof content === 'string' ? content : writeParts(content, carried)
}

function plainText(content: unknown): string {
  if (typeof content === 'string') return content
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts
    .flatMap((part) => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('\n\n')
}

function writeCall(call: Fields): readonly Fields[] {
  const { id, function: called, cache_control } = call
  if (!isObject(called)) return []
  return [
    {
      type: 'tool_use',
      id,
      name: called['name'],
      input: inputOf(called['arguments']),
      ...(cache_control === undefined ? {} : { cache_control }),
      ...fieldsOf(call, 'anthropic'),
    },
  ]
}
