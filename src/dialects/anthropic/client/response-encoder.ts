import type { BrokerError } from '../../../base/errors.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import type { EncoderFacts, ResponseEncoder } from '../../client-dialect.ts'
import { errorBody } from './errors.ts'
import { BlockWriter, eventText } from './block-writer.ts'
import { messageId, messageOut } from './message-out.ts'
import { stopOf, type Stop } from './stop-reason.ts'
import { usageOut } from './usage-out.ts'

/** A token of most prompts has some four bytes; the true count comes at the end of the stream, and clients overwrite this one. */
const BYTES_PER_TOKEN = 4

const PING = eventText('ping', { type: 'ping' })

/** Writes responses as messages, whole or as events. */
export class MessageEncoder implements ResponseEncoder {
  readonly keepAlive = PING
  readonly #facts: EncoderFacts
  readonly #blocks = new BlockWriter()
  #hasBegun = false
  #stop: Stop | undefined
  /** What a provider that speaks the dialect sent as the end of the message. */
  #ending: Fields = {}
  #usage: Fields | undefined
  #envelope: unknown

  constructor(facts: EncoderFacts) {
    this.#facts = facts
  }

  body(json: string): string {
    return JSON.stringify(messageOut(JSON.parse(json) as Fields, this.#facts))
  }

  chunk(json: string): string {
    const parsed = JSON.parse(json) as Fields
    const { choices, usage, x_aibroker: envelope } = parsed
    const { event } = fieldsOf(parsed, 'anthropic')
    if (isObject(event)) return this.#original(event)
    if (isObject(usage)) this.#usage = usage
    if (envelope !== undefined) this.#envelope = envelope
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    const start = this.#begin()
    return isObject(choice) ? start + this.#choice(choice) : start
  }

  /** An event of a provider that speaks the dialect: it is passed on, under our id and the caller's name of the model. */
  #original(event: Fields): string {
    const type = String(event['type'])
    if (type === 'message_start') return this.#originalStart(event['message'])
    if (type === 'message_delta') {
      this.#ending = { ...this.#ending, ...event }
      return ''
    }
    const start = this.#begin()
    return start + (type.startsWith('content_block_') ? this.#blocks.original(event) : eventText(type, event))
  }

  #originalStart(message: unknown): string {
    if (this.#hasBegun || !isObject(message)) return ''
    this.#hasBegun = true
    const { id, model } = this.#facts
    return eventText('message_start', {
      type: 'message_start',
      message: { ...message, id: messageId(id), model },
    })
  }

  #begin(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    const { id, model, request } = this.#facts
    const usage = usageOut({ prompt_tokens: Math.ceil((request?.byteLength ?? 0) / BYTES_PER_TOKEN) })
    const message = {
      id: messageId(id),
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      container: null,
      usage: { ...usage, output_tokens: 1 },
    }
    return eventText('message_start', { type: 'message_start', message })
  }

  #choice(choice: Fields): string {
    const { delta } = choice
    const events = isObject(delta) ? this.#blocks.delta(delta) : ''
    if (typeof choice['finish_reason'] === 'string') this.#stop = stopOf(choice, this.#blocks.hasCalls)
    return events
  }

  end(): string {
    const start = this.#begin()
    const stop = this.#stop ?? stopOf({}, this.#blocks.hasCalls)
    const { delta: ending, usage = usageOut(this.#usage ?? {}), ...rest } = this.#ending
    const delta = {
      ...rest,
      type: 'message_delta',
      delta: { ...stop, container: null, ...(isObject(ending) ? ending : {}) },
      usage,
      ...(this.#envelope === undefined ? {} : { x_aibroker: this.#envelope }),
    }
    return (
      start +
      this.#blocks.end() +
      eventText('message_delta', delta) +
      eventText('message_stop', { type: 'message_stop' })
    )
  }

  fail(error: BrokerError): string {
    return eventText('error', errorBody(error, this.#facts.id))
  }
}
