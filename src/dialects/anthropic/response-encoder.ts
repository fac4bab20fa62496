import type { BrokerError } from '../../base/errors.ts'
import { isObject } from '../../wire/json/json-body.ts'
import type { Fields } from '../chat-vocabulary.ts'
import type { EncoderFacts, ResponseEncoder } from '../client-dialect.ts'
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
  #usage: Fields | undefined
  #envelope: unknown

  constructor(facts: EncoderFacts) {
    this.#facts = facts
  }

  body(json: string): string {
    return JSON.stringify(messageOut(JSON.parse(json) as Fields, this.#facts))
  }

  chunk(json: string): string {
    const { choices, usage, x_aibroker: envelope } = JSON.parse(json) as Fields
    if (isObject(usage)) this.#usage = usage
    if (envelope !== undefined) this.#envelope = envelope
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    const start = this.#begin()
    return isObject(choice) ? start + this.#choice(choice) : start
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
    const delta = {
      type: 'message_delta',
      delta: { ...stop, container: null },
      usage: usageOut(this.#usage ?? {}),
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
