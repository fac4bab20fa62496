import { isObject } from '../../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../../wire/openai/chat.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import type { EventDecoder } from '../../../event-decoder.ts'
import { OPENAI_FORMAT } from '../../openai-format.ts'
import { argumentsOfText } from '../../tool-names.ts'
import {
  callName,
  finishReasons,
  isCall,
  opaqueDetails,
  sealItem,
  sealResponse,
  thoughtText,
  type ResponseFacts,
} from './response-in.ts'
import { usageIn } from './usage-in.ts'

/** An item of the stream that is not complete. */
interface OpenItem {
  /** Among the calls, or among the thoughts. */
  readonly index: number
  /** A piece of it has come, so that it is not taken from its last event. */
  hasPieces: boolean
}

const ENDS: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete'])

/** Reads the events of a response. It is whole once `response.completed` or `response.incomplete` has come. */
export class ResponsesDecoder implements EventDecoder {
  isComplete = false
  readonly #facts: ResponseFacts
  /** Whether the events are passed on as they are. */
  #keepsOriginal: boolean
  #id: unknown
  #calls = 0
  #thoughts = 0
  /** By their places in the output. */
  readonly #open = new Map<unknown, OpenItem>()

  constructor(facts: ResponseFacts) {
    this.#facts = facts
    this.#keepsOriginal = facts.keepsOriginal
  }

  decode(event: Fields): readonly ChatChunk[] {
    const { type, response } = event
    if (type === 'error') return [{ error: event['error'] ?? event }]
    if (type === 'response.failed') return [{ error: errorIn(response) }]
    if (ENDS.has(type)) return this.#finish(event, isObject(response) ? response : {})
    // Without places (llama-server, 2026-11) OpenAI's client cannot read them: they are written anew.
    if (type === 'response.output_item.added' && typeof event['output_index'] !== 'number')
      this.#keepsOriginal = false
    const delta = this.#delta(event)
    if (!this.#keepsOriginal) return delta === undefined ? [] : [this.#chunk(delta)]
    return [{ ...this.#chunk(delta ?? {}), ...originalOf(this.#sealed(event)) }]
  }

  /** What an event adds to a chat; `undefined` for nothing. */
  #delta(event: Fields): Fields | undefined {
    const { type, delta, item } = event
    const at = placeOf(event)
    switch (type) {
      case 'response.created':
        if (isObject(event['response'])) this.#id = event['response']['id']
        return { role: 'assistant', content: '' }
      case 'response.output_item.added':
        return isObject(item) ? this.#start(item, at) : undefined
      case 'response.output_text.delta':
        this.#touch(at)
        return { content: delta }
      case 'response.refusal.delta':
        this.#touch(at)
        return { refusal: delta }
      case 'response.reasoning_summary_text.delta':
        return this.#thought({ type: 'reasoning.summary', summary: delta }, delta, at)
      case 'response.reasoning_text.delta':
        return this.#thought({ type: 'reasoning.text', text: delta }, delta, at)
      case 'response.reasoning_summary_part.added':
        return this.#nextSummary(event)
      case 'response.function_call_arguments.delta':
        return this.#arguments(delta, at)
      case 'response.output_item.done':
        return isObject(item) ? this.#end(item, at) : undefined
      default:
        return undefined
    }
  }

  #start(item: Fields, at: unknown): Fields | undefined {
    if (item['type'] === 'reasoning') this.#open.set(at, { index: this.#thoughts++, hasPieces: false })
    else if (item['type'] === 'message') this.#open.set(at, { index: 0, hasPieces: false })
    if (!isCall(item)) return undefined
    const index = this.#calls++
    this.#open.set(at, { index, hasPieces: false })
    return calling({
      index,
      id: item['call_id'],
      type: 'function',
      function: { name: callName(item), arguments: '' },
    })
  }

  #touch(at: unknown): OpenItem | undefined {
    const open = this.#open.get(at)
    if (open !== undefined) open.hasPieces = true
    return open
  }

  #thought(detail: Fields, text: unknown, at: unknown): Fields {
    const index = this.#touch(at)?.index ?? 0
    return { reasoning: text, reasoning_details: [{ ...detail, format: OPENAI_FORMAT, index }] }
  }

  /** Parts of a summary are paragraphs. */
  #nextSummary(event: Fields): Fields | undefined {
    const { summary_index: index } = event
    if (typeof index !== 'number' || index === 0) return undefined
    return this.#thought({ type: 'reasoning.summary', summary: '\n\n' }, '\n\n', placeOf(event))
  }

  #arguments(delta: unknown, at: unknown): Fields | undefined {
    const open = this.#touch(at)
    if (open === undefined) return undefined
    return calling({ index: open.index, type: 'function', function: { arguments: delta } })
  }

  /** Some servers send no pieces of an item, or not its first event. */
  #end(item: Fields, at: unknown): Fields | undefined {
    const started = this.#open.has(at) ? undefined : this.#start(item, at)
    const open = this.#open.get(at)
    this.#open.delete(at)
    if (open === undefined) return undefined
    if (isCall(item)) return this.#endCall(item, open, started)
    if (item['type'] === 'reasoning') return this.#endThought(item, open)
    return open.hasPieces ? undefined : { content: textIn(item['content']) }
  }

  #endCall(item: Fields, { index, hasPieces }: OpenItem, started: Fields | undefined): Fields | undefined {
    if (hasPieces) return undefined
    const { type, input, arguments: text } = item
    const whole = type === 'custom_tool_call' ? argumentsOfText(input) : (text ?? '')
    const named = started === undefined ? {} : { name: callName(item) }
    const known = started === undefined ? {} : { id: item['call_id'] }
    return calling({ index, ...known, type: 'function', function: { ...named, arguments: whole } })
  }

  #endThought(item: Fields, { index, hasPieces }: OpenItem): Fields | undefined {
    const text = hasPieces ? '' : thoughtText(item)
    const shown =
      text === '' ? [] : [{ type: 'reasoning.summary', summary: text, format: OPENAI_FORMAT, index }]
    const reasoning_details = [...shown, ...opaqueDetails(item, index, this.#facts)]
    if (reasoning_details.length === 0) return undefined
    return { ...(text === '' ? {} : { reasoning: text }), reasoning_details }
  }

  #finish(event: Fields, response: Fields): readonly ChatChunk[] {
    this.isComplete = true
    const choice = { index: 0, delta: {}, ...finishReasons(response, this.#calls > 0) }
    const usage = usageIn(response['usage'])
    const last = { id: this.#id, object: 'chat.completion.chunk', choices: [choice] }
    const original = this.#keepsOriginal
      ? originalOf({ ...event, response: sealResponse(response, this.#facts) })
      : {}
    return [{ ...last, ...original }, ...(usage === undefined ? [] : [{ ...last, choices: [], usage }])]
  }

  #chunk(delta: Fields): ChatChunk {
    return {
      id: this.#id,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason: null }],
    }
  }

  /** The event with what is opaque in it sealed. */
  #sealed(event: Fields): Fields {
    return isObject(event['item']) ? { ...event, item: sealItem(event['item'], this.#facts) } : event
  }
}

/** What the events of one item have in common. */
function placeOf({ output_index: at, item_id: id, item }: Fields): unknown {
  return at ?? id ?? (isObject(item) ? item['id'] : undefined)
}

function errorIn(response: unknown): unknown {
  const error = isObject(response) ? response['error'] : undefined
  return isObject(error) ? error : { code: 'server_error', message: 'the response failed' }
}

function textIn(content: unknown): string {
  return (Array.isArray(content) ? (content as readonly unknown[]) : [])
    .flatMap((part) => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('')
}

function calling(call: Fields): Fields {
  return { tool_calls: [call] }
}

function originalOf(event: Fields): object {
  return { dialect_fields: { responses: { event } } }
}
