import type { BrokerError } from '../../../../base/errors.ts'
import { isObject } from '../../../../wire/json/json-body.ts'
import { fieldsOf, type Fields } from '../../../chat-vocabulary.ts'
import type { EncoderFacts, ResponseEncoder } from '../../../client-dialect.ts'
import { camelObject } from '../../camel-names.ts'
import { calledMethod } from '../../method.ts'
import { usageOut } from '../../usage.ts'
import { candidateOut } from './candidate-out.ts'
import { CandidateWriter } from './candidate-writer.ts'
import { errorBody } from '../errors.ts'
import { GENERATION } from '../request/generation-in.ts'

/** Writes responses of `generateContent`, whole or as a stream: events without an end mark, or the elements of one JSON array. */
export class ContentEncoder implements ResponseEncoder {
  /** Gemini CLI ends at any comment, and the SDK reads each event as a response (both seen 2026-11). */
  readonly keepAlive = ''
  readonly streamType: string | undefined
  readonly #facts: EncoderFacts
  readonly #isArray: boolean
  readonly #model: string
  readonly #showsThoughts: boolean
  readonly #candidates = new Map<number, CandidateWriter>()
  #hasWritten = false
  /** What a provider that speaks the dialect sent as the end of the response. */
  #ending: Fields | undefined
  #usage: Fields | undefined
  #envelope: unknown

  constructor(facts: EncoderFacts) {
    const { model, isEventStream } = calledMethod(facts.url ?? '')
    this.#facts = facts
    this.#model = model
    this.#isArray = !isEventStream
    this.streamType = this.#isArray ? 'application/json; charset=utf-8' : undefined
    this.#showsThoughts = showsThoughts(facts)
  }

  body(json: string): string {
    const response = JSON.parse(json) as Fields
    const original = fieldsOf(response, 'gemini')['response']
    const { choices, usage, x_aibroker: envelope } = response
    const own = isObject(original)
      ? original
      : {
          candidates: objectsIn(choices).map((choice) => candidateOut(choice, this.#showsThoughts)),
          ...(isObject(usage) ? { usageMetadata: usageOut(usage) } : {}),
        }
    return JSON.stringify({
      ...own,
      ...this.#head(),
      ...(envelope === undefined ? {} : { x_aibroker: envelope }),
    })
  }

  chunk(json: string): string {
    const parsed = JSON.parse(json) as Fields
    if (isObject(parsed['usage'])) this.#usage = parsed['usage']
    if (parsed['x_aibroker'] !== undefined) this.#envelope = parsed['x_aibroker']
    const { event } = fieldsOf(parsed, 'gemini')
    if (isObject(event)) return this.#original(event)
    const candidates = objectsIn(parsed['choices']).flatMap(
      (choice) => this.#writerOf(choice).add(choice) ?? [],
    )
    return candidates.length === 0 ? '' : this.#event({ candidates })
  }

  /** An event of a provider that speaks the dialect, under our id; what ends the response waits for its cost. */
  #original(event: Fields): string {
    const isLast = this.#ending !== undefined || isEnding(event)
    if (!isLast) return this.#event(event)
    const before = this.#ending === undefined ? '' : this.#event(withoutUsage(this.#ending))
    this.#ending = event
    return before
  }

  #writerOf({ index }: Fields): CandidateWriter {
    const at = typeof index === 'number' ? index : 0
    let writer = this.#candidates.get(at)
    if (writer === undefined)
      this.#candidates.set(at, (writer = new CandidateWriter(at, this.#showsThoughts)))
    return writer
  }

  end(): string {
    if (this.#candidates.size === 0) this.#writerOf({})
    const candidates = [...this.#candidates.values()].map((writer) => writer.end())
    const last = this.#ending ?? { candidates, usageMetadata: usageOut(this.#usage ?? {}) }
    const envelope = this.#envelope === undefined ? {} : { x_aibroker: this.#envelope }
    return this.#event({ ...last, ...envelope }) + (this.#isArray ? ']' : '')
  }

  fail(error: BrokerError): string {
    return this.#written(errorBody(error)) + (this.#isArray ? ']' : '')
  }

  #head(): Fields {
    return { modelVersion: this.#model, responseId: this.#facts.id }
  }

  #event(response: Fields): string {
    return this.#written({ ...response, ...this.#head() })
  }

  #written(element: object): string {
    const text = JSON.stringify(element)
    if (!this.#isArray) return `data: ${text}\r\n\r\n`
    const before = this.#hasWritten ? ',\r\n' : '['
    this.#hasWritten = true
    return before + text
  }
}

/** Thoughts are shown to those who ask for them; of a replayed response it is unknown who did. */
function showsThoughts({ request }: EncoderFacts): boolean {
  if (request === undefined) return true
  const config = fieldsOf(request.value, 'gemini')[`${GENERATION}thinkingConfig`]
  return camelObject(config)['includeThoughts'] === true
}

function objectsIn(values: unknown): readonly Fields[] {
  return (Array.isArray(values) ? values : []).filter(isObject)
}

function isEnding({ candidates, promptFeedback }: Fields): boolean {
  if (isObject(promptFeedback) && promptFeedback['blockReason'] !== undefined) return true
  return objectsIn(candidates).some(({ finishReason }) => typeof finishReason === 'string')
}

/** Only the last event has the final figures. */
function withoutUsage({ usageMetadata: _usage, ...rest }: Fields): Fields {
  return rest
}
