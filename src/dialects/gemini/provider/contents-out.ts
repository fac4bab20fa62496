import { isObject } from '../../../wire/json/json-body.ts'
import { inOrder } from '../../block-order.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { inputOf } from '../../tool-input.ts'
import { writeParts } from './parts-out.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { fillSignatures, openSignatures, placeSignatures, writeThoughts } from './signatures-out.ts'

/** The system prompt and the contents of a chat. */
export interface WrittenContents {
  readonly systemInstruction: Fields | undefined
  readonly contents: readonly Fields[]
}

/** Messages as Google has them: the system prompt apart, the results of one turn in one content. */
export function writeContents(
  messages: unknown,
  facts: RequestOutFacts,
  carried: CarriedFields,
): WrittenContents {
  const all = (Array.isArray(messages) ? messages : []).filter(isObject)
  const first = all.findIndex((message) => !isSystem(message))
  const [leading, rest] = first < 0 ? [all, []] : [all.slice(0, first), all.slice(first)]
  const contents = new Contents(facts, carried)
  for (const message of rest) contents.add(message)
  return {
    systemInstruction: instructionOf(leading, carried),
    contents: fillSignatures(contents.all, facts.modelId),
  }
}

function isSystem({ role }: Fields): boolean {
  return role === 'system' || role === 'developer'
}

function instructionOf(messages: readonly Fields[], carried: CarriedFields): Fields | undefined {
  const [first] = messages
  if (first === undefined) return undefined
  for (const message of messages) carried.leave(message, 'message')
  const { role } = fieldsOf(first, 'gemini')
  const parts = messages.flatMap(({ content }) => writeParts(content, carried))
  return { ...(role === undefined ? {} : { role }), parts }
}

class Contents {
  readonly all: Fields[] = []
  readonly #facts: RequestOutFacts
  readonly #carried: CarriedFields
  /** The parts of a content of results that may still grow. */
  #results: Fields[] | undefined
  /** Media of these results, which stand behind them all. */
  #media: Fields[] = []
  /** Names of functions by the ids of their calls. */
  readonly #names = new Map<unknown, unknown>()

  constructor(facts: RequestOutFacts, carried: CarriedFields) {
    this.#facts = facts
    this.#carried = carried
  }

  add(message: Fields): void {
    this.#carried.leave(message, 'message')
    const { role } = message
    if (role === 'tool') return this.#addResult(message)
    if (role === 'user') return this.#addUser(message)
    if (isSystem(message)) return this.#addInstruction(message)
    this.#results = undefined
    if (role === 'assistant') this.#push('model', this.#assistant(message))
    else this.#carried.note('refused', `messages of the role ${String(role)}`)
    return undefined
  }

  #push(role: string, parts: readonly Fields[]): void {
    if (parts.length > 0) this.all.push({ role, parts })
  }

  #addUser(message: Fields): void {
    const parts = writeParts(message['content'], this.#carried)
    if (this.#results !== undefined && fieldsOf(message, 'gemini')['isJoined'] === true)
      this.#results.push(...parts)
    else this.#push('user', parts)
    this.#results = undefined
  }

  /** A late system message keeps its place, as a text of the user. */
  #addInstruction({ content }: Fields): void {
    const texts = writeParts(content, this.#carried).map(({ text }) => String(text))
    const part = { text: `<system>\n${texts.join('\n\n')}\n</system>` }
    const last = this.all.at(-1)
    if (this.#results !== undefined) this.#results.push(part)
    else if (last?.['role'] === 'user' && Array.isArray(last['parts'])) last['parts'].push(part)
    else this.#push('user', [part])
  }

  #addResult(message: Fields): void {
    const { part } = fieldsOf(message, 'gemini')
    const written = isObject(part) ? part : this.#result(message)
    if (this.#results === undefined) {
      this.#results = []
      this.#media = []
      this.all.push({ role: 'user', parts: this.#results })
    }
    // Behind the results that have come, before the media of these.
    this.#results.splice(this.#results.length - this.#media.length, 0, written)
    if (!isObject(part)) this.#addMedia(message['content'])
  }

  #result({ tool_call_id: id, content, is_error }: Fields): Fields {
    const texts = typeof content === 'string' ? [content] : textsIn(content)
    const text = texts.join('\n')
    const response = is_error === true ? { error: text } : { output: text }
    return { functionResponse: { id, name: this.#names.get(id) ?? 'unknown', response } }
  }

  #addMedia(content: unknown): void {
    const parts = (Array.isArray(content) ? content : []).filter(
      (part) => isObject(part) && part['type'] !== 'text',
    )
    const media = writeParts(parts, this.#carried)
    this.#media.push(...media)
    this.#results?.push(...media)
  }

  #assistant(message: Fields): readonly Fields[] {
    const thoughts = writeThoughts(message['reasoning_details'], this.#facts, this.#carried)
    const calls = (Array.isArray(message['tool_calls']) ? message['tool_calls'] : []).flatMap(
      (call: unknown) => (isObject(call) ? this.#call(call, thoughts.ofCalls) : []),
    )
    const parts = inOrder(message['content_order'], {
      reasoning: thoughts.parts,
      content: openSignatures(writeParts(message['content'], this.#carried), this.#facts, this.#carried),
      tool_call: calls,
    })
    return placeSignatures(parts, thoughts.others)
  }

  #call(call: Fields, signatures: ReadonlyMap<unknown, string>): readonly Fields[] {
    const { id, function: called } = call
    if (!isObject(called)) return []
    this.#names.set(id, called['name'])
    const { hasNoId, hasNoArgs, thoughtSignature, ...own } = fieldsOf(call, 'gemini')
    const functionCall = {
      ...(hasNoId === true ? {} : { id }),
      name: called['name'],
      ...(hasNoArgs === true ? {} : { args: inputOf(called['arguments']) }),
    }
    const signature = thoughtSignature === undefined ? {} : { thoughtSignature }
    const [part = { functionCall }] = openSignatures(
      [{ functionCall, ...own, ...signature }],
      this.#facts,
      this.#carried,
    )
    const named = signatures.get(id)
    return [named === undefined ? part : { ...part, thoughtSignature: named }]
  }
}

function textsIn(content: unknown): readonly string[] {
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
}
