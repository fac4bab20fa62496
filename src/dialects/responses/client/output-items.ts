import type { Fields } from '../../chat-vocabulary.ts'
import { freeTextIn, type ToolName } from '../tool-names.ts'
import type { EventWriter } from './event-writer.ts'

/** An item of the output that is being written. Its events name it by its place and its id. */
abstract class OutputItem {
  readonly at: number
  protected readonly events: EventWriter
  protected readonly id: string

  constructor(events: EventWriter, at: number, id: string) {
    this.events = events
    this.at = at
    this.id = id
  }

  /** The first event. */
  protected added(item: Fields): string {
    return this.events.write('response.output_item.added', { output_index: this.at, item })
  }

  /** The last event. Codex acts on this one alone, so that it has the whole item. */
  protected done(item: Fields): string {
    return this.events.write('response.output_item.done', { output_index: this.at, item })
  }

  protected event(type: string, fields: Fields): string {
    return this.events.write(`response.${type}`, { item_id: this.id, output_index: this.at, ...fields })
  }
}

type PartType = 'output_text' | 'refusal'

interface OpenPart {
  readonly type: PartType
  text: string
  readonly annotations: Fields[]
}

/** A message of the assistant: texts, and a refusal. */
export class MessageItem extends OutputItem {
  readonly #parts: Fields[] = []
  #open: OpenPart | undefined

  start(): string {
    return this.added(this.#item('in_progress'))
  }

  add(type: PartType, delta: string): string {
    const opening = this.#openPart(type)
    if (this.#open !== undefined) this.#open.text += delta
    const logprobs = type === 'output_text' ? { logprobs: [] } : {}
    return opening + this.#partEvent(`${type}.delta`, { delta, ...logprobs })
  }

  annotate(annotation: Fields): string {
    const opening = this.#openPart('output_text')
    const annotations = this.#open?.annotations ?? []
    const annotation_index = annotations.push(annotation) - 1
    return opening + this.#partEvent('output_text.annotation.added', { annotation_index, annotation })
  }

  end(status: string): { readonly events: string; readonly item: Fields } {
    const events = this.#closePart()
    const item = this.#item(status)
    return { events: events + this.done(item), item }
  }

  #item(status: string): Fields {
    return { id: this.id, type: 'message', status, role: 'assistant', content: [...this.#parts] }
  }

  #openPart(type: PartType): string {
    if (this.#open?.type === type) return ''
    const before = this.#closePart()
    this.#open = { type, text: '', annotations: [] }
    return before + this.#partEvent('content_part.added', { part: partOf(this.#open) })
  }

  #closePart(): string {
    const open = this.#open
    if (open === undefined) return ''
    const part = partOf(open)
    const content = open.type === 'refusal' ? { refusal: open.text } : { text: open.text, logprobs: [] }
    const events =
      this.#partEvent(`${open.type}.done`, content) + this.#partEvent('content_part.done', { part })
    this.#parts.push(part)
    this.#open = undefined
    return events
  }

  #partEvent(type: string, fields: Fields): string {
    return this.event(type, { content_index: this.#parts.length, ...fields })
  }
}

function partOf({ type, text, annotations }: OpenPart): Fields {
  return type === 'refusal'
    ? { type, refusal: text }
    : { type, text, annotations: [...annotations], logprobs: [] }
}

/** A thought: its text as a summary, which all clients show, and what is opaque in it. */
export class ReasoningItem extends OutputItem {
  #text = ''
  #hasText = false
  #encrypted: string | undefined

  start(): string {
    return this.added(this.#item())
  }

  add(delta: string): string {
    const opening = this.#hasText ? '' : this.#summaryEvent('part.added', { part: SUMMARY })
    this.#hasText = true
    this.#text += delta
    return opening + this.#summaryEvent('text.delta', { delta })
  }

  encrypt(encrypted: string): void {
    this.#encrypted = encrypted
  }

  end(): { readonly events: string; readonly item: Fields } {
    const text = this.#text
    const closing = this.#hasText
      ? this.#summaryEvent('text.done', { text }) +
        this.#summaryEvent('part.done', { part: { ...SUMMARY, text } })
      : ''
    const item = this.#item()
    return { events: closing + this.done(item), item }
  }

  #summaryEvent(type: string, fields: Fields): string {
    return this.event(`reasoning_summary_${type}`, { summary_index: 0, ...fields })
  }

  #item(): Fields {
    return {
      id: this.id,
      type: 'reasoning',
      summary: this.#hasText ? [{ ...SUMMARY, text: this.#text }] : [],
      ...(this.#encrypted === undefined ? {} : { encrypted_content: this.#encrypted }),
    }
  }
}

const SUMMARY = { type: 'summary_text', text: '' }

/** A call of a function. */
export class CallItem extends OutputItem {
  readonly #callId: string
  readonly #tool: ToolName
  #arguments = ''

  constructor(events: EventWriter, at: number, { id, callId, tool }: CallFacts) {
    super(events, at, id)
    this.#callId = callId
    this.#tool = tool
  }

  start(): string {
    return this.added(this.#item('in_progress'))
  }

  /** The text of a tool that takes free text is inside of JSON, so that it is written when it is whole. */
  add(delta: string): string {
    this.#arguments += delta
    if (this.#tool.isCustom || delta === '') return ''
    return this.event('function_call_arguments.delta', { delta })
  }

  end(): { readonly events: string; readonly item: Fields } {
    const item = this.#item('completed')
    return { events: (this.#tool.isCustom ? this.#endText() : this.#endArguments()) + this.done(item), item }
  }

  #endText(): string {
    const input = freeTextIn(this.#arguments)
    return (
      this.event('custom_tool_call_input.delta', { delta: input }) +
      this.event('custom_tool_call_input.done', { input })
    )
  }

  #endArguments(): string {
    // A call without arguments has those that every client can parse.
    const opening = this.#arguments === '' ? this.add('{}') : ''
    return (
      opening +
      this.event('function_call_arguments.done', { name: this.#tool.name, arguments: this.#arguments })
    )
  }

  #item(status: string): Fields {
    const { name, namespace, isCustom } = this.#tool
    const isOver = status === 'completed'
    const content = isCustom
      ? { input: isOver ? freeTextIn(this.#arguments) : '' }
      : { arguments: isOver ? this.#arguments || '{}' : '' }
    return {
      id: this.id,
      type: isCustom ? 'custom_tool_call' : 'function_call',
      status,
      call_id: this.#callId,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...content,
    }
  }
}

/** What a call is known by. */
export interface CallFacts {
  /** Of the item. */
  readonly id: string
  /** What its output names. */
  readonly callId: string
  readonly tool: ToolName
}
