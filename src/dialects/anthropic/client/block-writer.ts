import { isObject } from '../../../wire/json/json-body.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { ANTHROPIC_FORMAT } from '../thinking-format.ts'

/** One event of a stream. Anthropic's clients need both lines: without `event:` they repeat the request unstreamed. */
export function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

/** A tool call whose block cannot be written yet, since that of another one is open. */
interface WaitingCall {
  id: unknown
  name: string
  arguments: string
}

/**
 * Writes the content of a stream as blocks. At most one block is open; the kind of a block never changes; indexes count from 0
 * without holes. The arguments of the first of several parallel calls are written as they come; those of the others wait,
 * because providers may send the pieces of several calls in turns.
 */
export class BlockWriter {
  #index = -1
  #open: 'text' | 'thinking' | 'tool_use' | 'original' | undefined
  /** The index of the call whose block is open. */
  #openCall: number | undefined
  readonly #waiting = new Map<number, WaitingCall>()
  hasCalls = false

  /** The events of one delta. */
  delta(delta: Fields): string {
    const { content, refusal, tool_calls: calls } = delta
    let events = this.#reasoning(delta)
    if (typeof content === 'string' && content !== '') events += this.#text(content)
    if (typeof refusal === 'string' && refusal !== '') events += this.#text(refusal)
    if (Array.isArray(calls)) for (const call of calls) if (isObject(call)) events += this.#call(call)
    return events
  }

  /** An event of a block as the provider sent it, in the order of indexes that this stream has. */
  original(event: Fields): string {
    const { type, content_block: block } = event
    let before = ''
    if (type === 'content_block_start') {
      before = this.end()
      this.#index++
      this.#open = 'original'
      if (isObject(block) && block['type'] === 'tool_use') this.hasCalls = true
    } else if (type === 'content_block_stop') this.#open = undefined
    return before + eventText(String(type), { ...event, index: this.#index })
  }

  /** Closes what is open. */
  end(): string {
    let events = this.#close()
    for (const { id, name, arguments: text } of this.#waiting.values())
      events += this.#openToolUse(id, name) + this.#input(text) + this.#close()
    this.#waiting.clear()
    return events
  }

  #reasoning({ reasoning, reasoning_details: details }: Fields): string {
    if (!Array.isArray(details))
      return typeof reasoning === 'string' && reasoning !== '' ? this.#thinking(reasoning) : ''
    let events = ''
    for (const detail of details) if (isObject(detail)) events += this.#detail(detail)
    return events
  }

  #detail({ type, text, summary, data, signature, format }: Fields): string {
    if (type === 'reasoning.encrypted') return this.#encrypted(data, format)
    const words = typeof text === 'string' ? text : summary
    let events = typeof words === 'string' && words !== '' ? this.#thinking(words) : ''
    if (typeof signature === 'string' && signature !== '') events += this.#signature(signature)
    return events
  }

  #encrypted(data: unknown, format: unknown): string {
    if (format !== ANTHROPIC_FORMAT)
      return this.end() + this.#openBlock('thinking', EMPTY_THINKING) + this.#signature(String(data))
    return this.end() + this.#openBlock('thinking', { type: 'redacted_thinking', data }) + this.#close()
  }

  #thinking(thinking: string): string {
    return this.#kind('thinking', EMPTY_THINKING) + this.#blockDelta({ type: 'thinking_delta', thinking })
  }

  /** A signature ends the thought that it signs. */
  #signature(signature: string): string {
    return (
      this.#kind('thinking', EMPTY_THINKING) +
      this.#blockDelta({ type: 'signature_delta', signature }) +
      this.#close()
    )
  }

  #text(text: string): string {
    return (
      this.#kind('text', { type: 'text', text: '', citations: null }) +
      this.#blockDelta({ type: 'text_delta', text })
    )
  }

  #kind(kind: 'text' | 'thinking', block: Fields): string {
    return this.#open === kind ? '' : this.end() + this.#openBlock(kind, block)
  }

  #call({ index: at, id, function: called }: Fields): string {
    const index = typeof at === 'number' ? at : 0
    const { name, arguments: text } = isObject(called) ? called : {}
    const piece = typeof text === 'string' ? text : ''
    if (this.#open === 'tool_use' && this.#openCall === index) return this.#input(piece)
    if (this.#open === 'tool_use') {
      this.#wait(index, id, name, piece)
      return ''
    }
    this.#openCall = index
    return this.end() + this.#openToolUse(id, typeof name === 'string' ? name : '') + this.#input(piece)
  }

  #wait(index: number, id: unknown, name: unknown, piece: string): void {
    const waiting = this.#waiting.get(index) ?? { id, name: '', arguments: '' }
    waiting.id ??= id
    if (typeof name === 'string') waiting.name += name
    waiting.arguments += piece
    this.#waiting.set(index, waiting)
  }

  #openToolUse(id: unknown, name: string): string {
    this.hasCalls = true
    return this.#openBlock('tool_use', { type: 'tool_use', id, name, input: {} })
  }

  #input(partial_json: string): string {
    return partial_json === '' ? '' : this.#blockDelta({ type: 'input_json_delta', partial_json })
  }

  #openBlock(kind: 'text' | 'thinking' | 'tool_use', content_block: Fields): string {
    this.#open = kind
    this.#index++
    return eventText('content_block_start', {
      type: 'content_block_start',
      index: this.#index,
      content_block,
    })
  }

  #blockDelta(delta: Fields): string {
    return eventText('content_block_delta', { type: 'content_block_delta', index: this.#index, delta })
  }

  #close(): string {
    if (this.#open === undefined) return ''
    this.#open = undefined
    return eventText('content_block_stop', { type: 'content_block_stop', index: this.#index })
  }
}

const EMPTY_THINKING = { type: 'thinking', thinking: '', signature: '' }
