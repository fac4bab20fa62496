import { randomLetters } from '../../../base/ids.ts'
import { isObject } from '../../../wire/json/json-body.ts'

/** One piece of a tool call in a stream, or a whole call of a plain response, as loosely as providers send it. */
export type ToolCallPiece = Readonly<Record<string, unknown>>

/** A tool call as the broker passes it on: OpenAI's shape, with an id of its own and arguments that are text. */
interface NormalPiece {
  readonly index: number
  readonly id?: string
  readonly type: 'function'
  readonly function: Readonly<Record<string, unknown>>
}

interface OpenCall {
  readonly index: number
  /** The provider's own id; empty as long as it has sent none. */
  providerId: string
  readonly providerIndex: number | undefined
  name: string
  arguments: string
}

/**
 * Makes the tool calls of one choice of a stream whole. Providers leave out indexes or repeat index 0 for parallel calls
 * (Gemini's OpenAI API), send no id or an empty one (Ollama, older vLLM), repeat id and name in every piece, and send
 * arguments as an object or not at all. Callers and the tool loop get one form: indexes from 0, ids that are there and
 * unique, the name once, arguments as a string of JSON.
 */
export class ToolCallAssembler {
  readonly #calls: OpenCall[] = []

  get count(): number {
    return this.#calls.length
  }

  /** The normal form of the pieces of one chunk. */
  add(pieces: readonly unknown[]): NormalPiece[] {
    return pieces.filter(isObject).map((piece, at) => this.#addPiece(piece, at))
  }

  /** Pieces that complete the calls that came without arguments: `{}` is what OpenAI sends for none. */
  complete(): NormalPiece[] {
    return this.#calls
      .filter((call) => call.arguments === '')
      .map((call) => {
        call.arguments = '{}'
        return { index: call.index, type: 'function', function: { arguments: '{}' } }
      })
  }

  #addPiece(piece: ToolCallPiece, at: number): NormalPiece {
    const named = isObject(piece['function']) ? piece['function'] : {}
    const id = textIn(piece['id'])
    const name = textIn(named['name'])
    const text = argumentsText(named['arguments'])
    const providerIndex = typeof piece['index'] === 'number' ? piece['index'] : undefined
    const known = this.#find({ id, name, text, providerIndex, at })
    if (known === undefined) return this.#begin(piece, named, { id, name, text, providerIndex })
    known.arguments += text
    if (known.providerId === '') known.providerId = id
    const rest = nameRest(known, name)
    known.name += rest
    const { arguments: _arguments, name: _name, ...more } = named
    return {
      index: known.index,
      type: 'function',
      function: { ...more, ...(rest === '' ? {} : { name: rest }), arguments: text },
    }
  }

  #begin(piece: ToolCallPiece, named: ToolCallPiece, call: Omit<PieceFacts, 'at'>): NormalPiece {
    const { id, name, text, providerIndex } = call
    const index = this.#calls.length
    const isTaken = id === '' || this.#calls.some(({ providerId }) => providerId === id)
    this.#calls.push({ index, providerId: id, providerIndex, name, arguments: text })
    return {
      ...piece,
      index,
      id: isTaken ? createCallId() : id,
      type: 'function',
      function: { ...named, name, arguments: text },
    }
  }

  /** The call that a piece continues; `undefined` when it begins one. */
  #find({ id, name, text, providerIndex, at }: PieceFacts): OpenCall | undefined {
    const sameId = id === '' ? undefined : this.#calls.find(({ providerId }) => providerId === id)
    if (sameId !== undefined)
      return sameId.providerIndex === providerIndex || name === ''
        ? sameId
        : this.#unlessNew(sameId, name, text)
    const last = this.#calls.at(-1)
    const candidate =
      providerIndex === undefined
        ? at === 0 || name === ''
          ? last
          : undefined
        : this.#calls.findLast((call) => call.providerIndex === providerIndex)
    if (candidate === undefined) return undefined
    if (id !== '' && candidate.providerId !== '') return undefined
    return this.#unlessNew(candidate, name, text)
  }

  /** A piece with a name begins a new call when the arguments of the call before it are complete and it brings its own. */
  #unlessNew(call: OpenCall, name: string, text: string): OpenCall | undefined {
    if (name === '') return call
    if (call.name !== '' && name !== call.name && call.arguments !== '') return undefined
    const startsAnew = text.trimStart().startsWith('{') && isComplete(call.arguments)
    return startsAnew ? undefined : call
  }
}

interface PieceFacts {
  readonly id: string
  readonly name: string
  readonly text: string
  readonly providerIndex: number | undefined
  /** Its place among the pieces of its chunk. */
  readonly at: number
}

/** The normal form of the calls of a plain response. */
export function normalToolCalls(calls: readonly unknown[]): NormalPiece[] {
  const assembler = new ToolCallAssembler()
  // Each entry of a plain response is a call of its own, whatever its id and index say.
  return calls.filter(isObject).map((call, index) => {
    const { index: _index, ...rest } = call
    const [piece] = assembler.add([{ ...rest, index }])
    const normal = piece ?? { index, type: 'function', function: {} }
    const text = normal.function['arguments']
    return { ...normal, function: { ...normal.function, arguments: text === '' ? '{}' : text } }
  })
}

/** Whether the calls of a plain response are in the normal form already. */
export function areNormalToolCalls(calls: readonly unknown[]): boolean {
  const ids = new Set<unknown>()
  return calls.every((call) => {
    if (!isObject(call) || !isObject(call['function'])) return false
    const { id, type } = call
    const { name, arguments: text } = call['function']
    const isNew = typeof id === 'string' && id !== '' && !ids.has(id)
    ids.add(id)
    return isNew && type === 'function' && typeof name === 'string' && typeof text === 'string' && text !== ''
  })
}

/** OpenAI's ids have this form. */
function createCallId(): string {
  return `call_${randomLetters(24)}`
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Some providers send arguments as an object (Ollama's own API, some Gemini gateways). */
function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

/** What a further piece adds to the name: nothing when it repeats it. */
function nameRest(call: OpenCall, name: string): string {
  return name === call.name || call.arguments !== '' ? '' : name
}

function isComplete(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
