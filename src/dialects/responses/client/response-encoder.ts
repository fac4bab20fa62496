import { ERRORS, type BrokerError } from '../../../base/errors.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import type { EncoderFacts, ResponseEncoder } from '../../client-dialect.ts'
import { toolNamesIn } from '../tool-names.ts'
import { failureOf } from './errors.ts'
import { EventWriter } from './event-writer.ts'
import { OutputWriter } from './output-writer.ts'
import { endingOf, idStem, responseObject, type Ending } from './response-object.ts'
import { usageOut } from './usage-out.ts'

/** The events before the first item, which the broker writes itself. */
const STARTS: ReadonlySet<string> = new Set(['response.created', 'response.queued', 'response.in_progress'])
const ENDS: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete'])

/** Writes responses of the Responses API, whole or as events. */
export class ResponsesEncoder implements ResponseEncoder {
  /** A comment: an event before the first one of the response makes OpenAI's client fail. */
  readonly keepAlive = ': keep-alive\n\n'
  readonly #events = new EventWriter()
  readonly #output: OutputWriter
  readonly #response: Fields
  readonly #onFinished: EncoderFacts['onFinished']
  #hasBegun = false
  #ending: Ending = endingOf(undefined)
  #usage: Fields | undefined
  /** The end of the response as a provider that speaks the dialect sent it. */
  #original: Fields = {}
  #envelope: Fields = {}

  constructor(facts: EncoderFacts) {
    this.#response = responseObject(facts)
    this.#onFinished = facts.onFinished
    const names = toolNamesIn(facts.request?.value['tools'])
    this.#output = new OutputWriter({ events: this.#events, stem: idStem(facts.id), names })
  }

  body(json: string): string {
    const response = JSON.parse(json) as Fields
    const { choices, usage } = response
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    const { response: original } = fieldsOf(response, 'responses')
    this.#note(response)
    if (isObject(usage)) this.#usage = usage
    if (isObject(original)) this.#original = original
    else if (isObject(choice)) {
      this.#ending = endingOf(choice['finish_reason'])
      if (isObject(choice['message'])) this.#output.delta(choice['message'])
      this.#output.end(this.#ending.status)
    }
    const finished = this.#finished()
    this.#onFinished?.(finished)
    return JSON.stringify(finished)
  }

  chunk(json: string): string {
    const parsed = JSON.parse(json) as Fields
    const { choices, usage } = parsed
    const { event } = fieldsOf(parsed, 'responses')
    this.#note(parsed)
    if (isObject(usage)) this.#usage = usage
    const start = this.#begin()
    if (isObject(event)) return start + this.#originalEvent(event)
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    return isObject(choice) ? start + this.#choice(choice) : start
  }

  #note({ x_aibroker: envelope }: Fields): void {
    if (envelope !== undefined) this.#envelope = { x_aibroker: envelope }
  }

  #begin(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    const response = this.#response
    return (
      this.#events.write('response.created', { response }) +
      this.#events.write('response.in_progress', { response })
    )
  }

  /** An event of a provider that speaks the dialect: it is passed on with a number of ours. */
  #originalEvent(event: Fields): string {
    const type = String(event['type'])
    if (STARTS.has(type)) return ''
    if (ENDS.has(type)) {
      if (isObject(event['response'])) this.#original = event['response']
      return ''
    }
    const { item, output_index: at } = event
    if (type === 'response.output_item.done' && isObject(item) && typeof at === 'number')
      this.#output.keep(item, at)
    return this.#events.write(type, event)
  }

  #choice(choice: Fields): string {
    const { delta, finish_reason: reason } = choice
    if (typeof reason === 'string') this.#ending = endingOf(reason)
    return isObject(delta) ? this.#output.delta(delta) : ''
  }

  end(): string {
    const start = this.#begin()
    const items = this.#output.end(this.#ending.status)
    const response = this.#finished()
    this.#onFinished?.(response)
    const type = response['status'] === 'incomplete' ? 'response.incomplete' : 'response.completed'
    return start + items + this.#events.write(type, { response })
  }

  /** The whole response. What a provider of the same dialect sent is kept, under our id and the caller's name of the model. */
  #finished(): Fields {
    const { id, model, previous_response_id, store, background } = this.#response
    const isOriginal = Object.keys(this.#original).length > 0
    const { usage } = this.#original
    const counted = this.#usage === undefined ? undefined : usageOut(this.#usage)
    return {
      ...this.#response,
      ...this.#ending,
      output: this.#output.items,
      ...this.#original,
      ...(isOriginal ? { id, model, previous_response_id, store, background } : {}),
      usage: isObject(usage) ? { ...counted, ...usage } : (counted ?? null),
      ...this.#envelope,
    }
  }

  /** What is open stays so: a client that got half a call as a whole one would run it. */
  fail(error: BrokerError): string {
    const response = {
      ...this.#response,
      status: 'failed',
      error: failureOf(error),
      error_type: ERRORS[error.code].type,
      output: this.#output.items,
      usage: this.#usage === undefined ? null : usageOut(this.#usage),
    }
    return this.#begin() + this.#events.write('response.failed', { response })
  }
}
