import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { detailsIn, finished, lastParts, partsOut } from './candidate-out.ts'

/** A tool call of the stream, of which pieces have come. */
interface GrowingCall {
  id: unknown
  name: string
  arguments: string
}

/** Collects one candidate of a stream: texts are written as they come, calls once they are whole. */
export class CandidateWriter {
  readonly #index: number
  readonly #showsThoughts: boolean
  readonly #calls = new Map<number, GrowingCall>()
  readonly #details: Record<string, unknown>[] = []
  #isEmpty = true
  #ending: Fields = {}

  constructor(index: number, showsThoughts: boolean) {
    this.#index = index
    this.#showsThoughts = showsThoughts
  }

  /** What a choice of a chunk adds; `undefined` for nothing to write yet. */
  add(choice: Fields): Fields | undefined {
    if (typeof choice['finish_reason'] === 'string') this.#ending = choice
    const { delta } = choice
    if (!isObject(delta)) return undefined
    for (const detail of detailsIn(delta['reasoning_details'])) this.#addDetail(detail)
    if (Array.isArray(delta['tool_calls'])) for (const call of delta['tool_calls']) this.#addCall(call)
    const parts = partsOut(delta, this.#showsThoughts)
    if (parts.length === 0) return undefined
    this.#isEmpty = false
    return { content: { role: 'model', parts }, index: this.#index }
  }

  /** The last of the candidate. */
  end(): Fields {
    const calls = [...this.#calls.values()]
    return finished(
      { ...this.#ending, index: this.#index },
      lastParts({ calls, details: this.#details, isEmpty: this.#isEmpty }),
    )
  }

  #addCall(call: unknown): void {
    if (!isObject(call)) return
    const { index: at, id, function: called } = call
    const index = typeof at === 'number' ? at : 0
    const { name, arguments: piece } = isObject(called) ? called : {}
    const growing = this.#calls.get(index) ?? { id, name: '', arguments: '' }
    growing.id ??= id
    if (typeof name === 'string') growing.name += name
    if (typeof piece === 'string') growing.arguments += piece
    this.#calls.set(index, growing)
  }

  /** The pieces of one thought become one: it must come back whole. */
  #addDetail(detail: Fields): void {
    const last = this.#details.at(-1)
    const isSame = last !== undefined && last['type'] === detail['type'] && last['index'] === detail['index']
    if (!isSame || detail['type'] === 'reasoning.encrypted') {
      this.#details.push({ ...detail })
      return
    }
    for (const name of ['text', 'summary', 'signature'])
      if (typeof detail[name] === 'string') last[name] = textIn(last[name]) + detail[name]
  }
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
