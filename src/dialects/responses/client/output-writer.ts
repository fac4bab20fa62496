import { isObject } from '../../../wire/json/json-body.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { encryptedContentOf } from '../encrypted-content.ts'
import type { ToolName } from '../tool-names.ts'
import type { EventWriter } from './event-writer.ts'
import { CallItem, MessageItem, ReasoningItem } from './output-items.ts'

export interface OutputFacts {
  readonly events: EventWriter
  /** Of the ids of the items. */
  readonly stem: string
  /** The tools that the caller knows under another name, by their names in the chat. */
  readonly names: ReadonlyMap<string, ToolName>
}

/** A call whose item cannot be written yet, because its name has not come. */
interface NewCall {
  id: unknown
  name: string
  arguments: string
}

/**
 * Writes deltas of a chat as items of an output. A message and a thought are open alone; calls are open together, because
 * providers may send the pieces of several calls in turns. The places of items count from 0 without holes.
 */
export class OutputWriter {
  /** The items that are complete, by their places. */
  readonly #items: Fields[] = []
  readonly #facts: OutputFacts
  readonly #calls = new Map<number, CallItem>()
  readonly #newCalls = new Map<number, NewCall>()
  #open: MessageItem | ReasoningItem | undefined
  #next = 0

  constructor(facts: OutputFacts) {
    this.#facts = facts
  }

  /** The complete items in their order. */
  get items(): readonly Fields[] {
    return this.#items.filter((item) => item !== undefined)
  }

  /** The events of one delta, or of a whole message. */
  delta(delta: Fields): string {
    const { content, refusal, annotations, tool_calls: calls } = delta
    let events = this.#reasoning(delta)
    for (const text of textsIn(content)) events += this.#text('output_text', text)
    if (typeof refusal === 'string' && refusal !== '') events += this.#text('refusal', refusal)
    if (Array.isArray(annotations))
      for (const annotation of annotations) if (isObject(annotation)) events += this.#annotate(annotation)
    if (Array.isArray(calls)) for (const call of calls) if (isObject(call)) events += this.#call(call)
    return events
  }

  /** An item that a provider of the same dialect has completed. */
  keep(item: Fields, at: number): void {
    this.#items[at] = item
    this.#next = Math.max(this.#next, at + 1)
  }

  /** Completes what is open. @param status of a message that is open. */
  end(status = 'completed'): string {
    const events = this.#endOpen(status) + this.#endCalls()
    this.#newCalls.clear()
    return events
  }

  #reasoning({ reasoning, reasoning_details: details }: Fields): string {
    if (!Array.isArray(details))
      return typeof reasoning === 'string' && reasoning !== '' ? this.#thought(reasoning) : ''
    let events = ''
    for (const detail of details) if (isObject(detail)) events += this.#detail(detail)
    return events
  }

  #detail(detail: Fields): string {
    const { text, summary } = detail
    const words = typeof text === 'string' ? text : summary
    const events = typeof words === 'string' && words !== '' ? this.#thought(words) : ''
    const encrypted = encryptedContentOf(detail)
    return encrypted === undefined ? events : events + this.#encrypted(encrypted, detail)
  }

  /** What is opaque ends the thought that it belongs to. A thought that Anthropic redacted is one of its own. */
  #encrypted(encrypted: string, { type, format }: Fields): string {
    const isAlone = type === 'reasoning.encrypted' && format === REDACTED_FORMAT
    const before = isAlone ? this.end() : ''
    const [item, opening] = this.#reasoningItem()
    item.encrypt(encrypted)
    return before + opening + this.end()
  }

  #thought(text: string): string {
    const [item, opening] = this.#reasoningItem()
    return opening + item.add(text)
  }

  #reasoningItem(): readonly [ReasoningItem, string] {
    if (this.#open instanceof ReasoningItem) return [this.#open, '']
    const before = this.end()
    const item = new ReasoningItem(this.#facts.events, this.#next++, this.#id('rs'))
    this.#open = item
    return [item, before + item.start()]
  }

  #text(type: 'output_text' | 'refusal', text: string): string {
    const [item, opening] = this.#messageItem()
    return opening + item.add(type, text)
  }

  #annotate(annotation: Fields): string {
    const [item, opening] = this.#messageItem()
    const { url_citation: citation } = annotation
    const flat = isObject(citation) ? { type: 'url_citation', ...citation } : annotation
    return opening + item.annotate(flat)
  }

  #messageItem(): readonly [MessageItem, string] {
    if (this.#open instanceof MessageItem) return [this.#open, '']
    const before = this.end()
    const item = new MessageItem(this.#facts.events, this.#next++, this.#id('msg'))
    this.#open = item
    return [item, before + item.start()]
  }

  #call({ index: at, id, function: called }: Fields): string {
    const index = typeof at === 'number' ? at : this.#calls.size
    const { name, arguments: text } = isObject(called) ? called : {}
    const piece = typeof text === 'string' ? text : ''
    const open = this.#calls.get(index)
    if (open !== undefined) return open.add(piece)
    const call = this.#newCalls.get(index) ?? { id, name: '', arguments: '' }
    call.id ??= id
    call.name += typeof name === 'string' ? name : ''
    call.arguments += piece
    this.#newCalls.set(index, call)
    return call.name === '' ? '' : this.#openCall(index, call)
  }

  #openCall(index: number, { id, name, arguments: text }: NewCall): string {
    this.#newCalls.delete(index)
    const before = this.#endOpen('completed')
    const tool = this.#facts.names.get(name) ?? { name, isCustom: false }
    const at = this.#next++
    const itemId = this.#id(tool.isCustom ? 'ctc' : 'fc')
    const callId = typeof id === 'string' && id !== '' ? id : this.#id('call')
    const item = new CallItem(this.#facts.events, at, { id: itemId, callId, tool })
    this.#calls.set(index, item)
    return before + item.start() + item.add(text)
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#facts.stem}_${this.#next}`
  }

  #endOpen(status: string): string {
    const open = this.#open
    if (open === undefined) return ''
    this.#open = undefined
    const { events, item } = open.end(status)
    this.#items[open.at] = item
    return events
  }

  #endCalls(): string {
    let all = ''
    for (const call of this.#calls.values()) {
      const { events, item } = call.end()
      this.#items[call.at] = item
      all += events
    }
    this.#calls.clear()
    return all
  }
}

/** OpenRouter's name for the form of Anthropic's opaque thoughts. */
const REDACTED_FORMAT = 'anthropic-claude-v1'

function textsIn(content: unknown): readonly string[] {
  if (typeof content === 'string') return content === '' ? [] : [content]
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) =>
    isObject(part) && typeof part['text'] === 'string' && part['text'] !== '' ? [part['text']] : [],
  )
}
