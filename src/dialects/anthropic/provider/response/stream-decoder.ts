import { isObject } from '../../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../../wire/openai/chat.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import type { EventDecoder } from '../../../event-decoder.ts'
import { ANTHROPIC_FORMAT } from '../../thinking-format.ts'
import { finishReasons } from './finish-reason.ts'
import { sealBlock, thoughtDetail, type ResponseFacts } from './message-in.ts'
import { usageIn } from './usage-in.ts'

/** A tool call of the stream. */
interface OpenCall {
  readonly index: number
  /** What its block began with: some servers give all of it there. */
  readonly input: unknown
  hasArguments: boolean
}

/** Reads the events of a message. The response is whole once `message_stop` has come. */
export class MessageDecoder implements EventDecoder {
  isComplete = false
  readonly #facts: ResponseFacts
  /** Cumulative: a later figure replaces an earlier one. */
  #usage: Fields = {}
  #ending: Fields = {}
  #id: unknown
  #calls = 0
  #thoughts = -1
  /** By the index of their blocks. */
  readonly #open = new Map<unknown, OpenCall>()

  constructor(facts: ResponseFacts) {
    this.#facts = facts
  }

  decode(event: Fields): readonly ChatChunk[] {
    if (event['type'] === 'error') return [{ error: event['error'] ?? event }]
    if (event['type'] === 'message_stop') return this.#finish()
    const delta = this.#delta(event)
    if (!this.#facts.keepsOriginal) return delta === undefined ? [] : [this.#chunk(delta)]
    if (event['type'] === 'ping') return []
    return [{ ...this.#chunk(delta ?? {}), ...originalOf(this.#sealed(event)) }]
  }

  /** What an event adds to a chat; `undefined` for nothing. */
  #delta(event: Fields): Fields | undefined {
    switch (event['type']) {
      case 'message_start':
        return this.#start(event['message'])
      case 'content_block_start':
        return this.#startBlock(event['index'], event['content_block'])
      case 'content_block_delta':
        return this.#blockDelta(event['index'], event['delta'])
      case 'content_block_stop':
        return this.#stopBlock(event['index'])
      case 'message_delta':
        if (isObject(event['delta'])) this.#ending = { ...this.#ending, ...event['delta'] }
        this.#addUsage(event['usage'])
        return undefined
      default:
        return undefined
    }
  }

  #start(message: unknown): Fields {
    if (isObject(message)) {
      this.#id = message['id']
      this.#addUsage(message['usage'])
    }
    return { role: 'assistant', content: '' }
  }

  #addUsage(usage: unknown): void {
    if (!isObject(usage)) return
    const known = Object.entries(usage).filter(([, value]) => value !== null && value !== undefined)
    this.#usage = { ...this.#usage, ...Object.fromEntries(known) }
  }

  #startBlock(index: unknown, block: unknown): Fields | undefined {
    if (!isObject(block)) return undefined
    const { type, text, id, name, input } = block
    if (type === 'text') return typeof text === 'string' && text !== '' ? { content: text } : undefined
    if (type === 'thinking' || type === 'redacted_thinking') this.#thoughts++
    if (type === 'redacted_thinking')
      return { reasoning_details: [thoughtDetail(block, this.#thoughts, this.#facts)] }
    if (type !== 'tool_use') return undefined
    const call = { index: this.#calls++, input, hasArguments: false }
    this.#open.set(index, call)
    return calling({ index: call.index, id, type: 'function', function: { name, arguments: '' } })
  }

  #blockDelta(index: unknown, delta: unknown): Fields | undefined {
    if (!isObject(delta)) return undefined
    const { type, text, thinking, signature, partial_json: json } = delta
    const detail = { type: 'reasoning.text', format: ANTHROPIC_FORMAT, index: Math.max(0, this.#thoughts) }
    if (type === 'text_delta') return { content: text }
    if (type === 'thinking_delta')
      return { reasoning: thinking, reasoning_details: [{ ...detail, text: thinking }] }
    if (type === 'signature_delta')
      return { reasoning_details: [{ ...detail, signature: this.#facts.seal(String(signature)) }] }
    const call = this.#open.get(index)
    if (type !== 'input_json_delta' || call === undefined || typeof json !== 'string' || json === '')
      return undefined
    call.hasArguments = true
    return calling({ index: call.index, type: 'function', function: { arguments: json } })
  }

  /** A call without arguments gets those that its block began with, if not an empty object. */
  #stopBlock(index: unknown): Fields | undefined {
    const call = this.#open.get(index)
    this.#open.delete(index)
    if (call === undefined || call.hasArguments) return undefined
    const text = JSON.stringify(isObject(call.input) ? call.input : {})
    return calling({ index: call.index, type: 'function', function: { arguments: text } })
  }

  #finish(): readonly ChatChunk[] {
    this.isComplete = true
    const { stop_reason, stop_sequence, stop_details } = this.#ending
    const own = this.#facts.keepsOriginal
      ? { dialect_fields: { anthropic: { stop_sequence, stop_details } } }
      : {}
    const choice = { index: 0, delta: {}, ...finishReasons(stop_reason), ...own }
    const last = { id: this.#id, object: 'chat.completion.chunk', choices: [choice] }
    return [last, { ...last, choices: [], usage: usageIn(this.#usage) }]
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
    const { content_block: block, delta } = event
    if (isObject(block)) return { ...event, content_block: sealBlock(block, this.#facts) }
    if (isObject(delta) && delta['type'] === 'signature_delta')
      return { ...event, delta: { ...delta, signature: this.#facts.seal(String(delta['signature'])) } }
    return event
  }
}

function calling(call: Fields): Fields {
  return { tool_calls: [call] }
}

function originalOf(event: Fields): object {
  return { dialect_fields: { anthropic: { event } } }
}
