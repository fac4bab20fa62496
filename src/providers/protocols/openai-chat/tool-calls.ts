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
  /** What the caller has of the arguments. */
  arguments: string
  /** Pieces that are kept back until the call is complete, because it is not known yet whether they continue the arguments. */
  kept: string[] | undefined
}

/**
 * Makes the tool calls of one choice of a stream whole. Providers leave out indexes or repeat index 0 for parallel calls
 * (Gemini's OpenAI API), send no id or an empty one (Ollama, older vLLM), repeat id and name in every piece, and send
 * arguments as an object or not at all. Callers and the tool loop get one form: indexes from 0, ids that are there and
 * unique, the name once, arguments as a string of JSON.
 *
 * What follows the arguments of a call is repaired as well: `{}` before the real ones (Bedrock behind gateways,
 * https://github.com/openai/openai-agents-js/pull/712), the whole text again in the last piece (GLM,
 * https://github.com/anomalyco/opencode/pull/17339) or in each (https://github.com/decolua/9router/pull/2869), and JSON
 * inside a JSON string. Several objects one behind the other are as many calls
 * (https://github.com/BerriAI/litellm/issues/40582).
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

  /** Pieces that complete calls: what was kept back, and `{}` for no arguments, which is what OpenAI sends. */
  complete(): NormalPiece[] {
    return [...this.#calls].flatMap((call) => {
      const [rest = '', ...others] = restsOf(call)
      call.arguments += rest
      call.kept = undefined
      const pieces =
        rest === '' ? [] : [{ index: call.index, type: 'function' as const, function: { arguments: rest } }]
      return [...pieces, ...others.map((text) => this.#beginAgain(call, text))]
    })
  }

  /** A further call of the same function. */
  #beginAgain({ name }: OpenCall, text: string): NormalPiece {
    const facts = { id: '', name, text, providerIndex: undefined }
    return this.#begin({}, {}, facts)
  }

  #addPiece(piece: ToolCallPiece, at: number): NormalPiece {
    const named = isObject(piece['function']) ? piece['function'] : flatCall(piece)
    const id = textIn(piece['id'])
    const name = textIn(named['name'])
    const text = argumentsText(named['arguments'])
    const providerIndex = indexIn(piece['index'])
    const known = this.#find({ id, name, text, providerIndex, at })
    if (known === undefined) return this.#begin(piece, named, { id, name, text, providerIndex })
    const added = addArguments(known, text)
    if (known.providerId === '') known.providerId = id
    const rest = nameRest(known, name)
    known.name += rest
    const { arguments: _arguments, name: _name, ...more } = named
    return {
      index: known.index,
      type: 'function',
      function: { ...more, ...(rest === '' ? {} : { name: rest }), arguments: added },
    }
  }

  #begin(piece: ToolCallPiece, named: ToolCallPiece, facts: Omit<PieceFacts, 'at'>): NormalPiece {
    const { id, name, text, providerIndex } = facts
    const index = this.#calls.length
    const isTaken = id === '' || this.#calls.some(({ providerId }) => providerId === id)
    const call: OpenCall = { index, providerId: id, providerIndex, name, arguments: '', kept: undefined }
    this.#calls.push(call)
    const { name: _name, arguments: _arguments, ...rest } = piece
    return {
      ...rest,
      index,
      id: isTaken ? createCallId() : id,
      type: 'function',
      function: { ...named, name, arguments: addArguments(call, text) },
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
    // A call has a name, so that a piece without one is part of a call before it, whatever its id.
    if (id !== '' && candidate.providerId !== '' && name !== '') return undefined
    return this.#unlessNew(candidate, name, text)
  }

  /** A piece with a name begins a new call when the arguments of the call before it are complete and it brings its own. */
  #unlessNew(call: OpenCall, name: string, text: string): OpenCall | undefined {
    if (name === '') return call
    if (call.name !== '' && name !== call.name && argumentsOf(call) !== '') return undefined
    const startsAnew = startsObject(text) && isComplete(argumentsOf(call))
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
  return calls
    .filter(isObject)
    .flatMap(oneCallEach)
    .map((call, index) => {
      const { index: _index, ...rest } = call
      const [piece] = assembler.add([{ ...rest, index }])
      const normal = piece ?? { index, type: 'function', function: {} }
      const named = isObject(call['function']) ? call['function'] : call
      return { ...normal, function: { ...normal.function, arguments: wholeArguments(named['arguments']) } }
    })
}

/** A call whose arguments are several objects is as many calls. */
function oneCallEach(call: ToolCallPiece): readonly ToolCallPiece[] {
  const named = isObject(call['function']) ? call['function'] : flatCall(call)
  const objects = objectsIn(argumentsText(named['arguments']))
  if (objects.length < 2) return [call]
  return objects.map((text, at) => ({ ...(at === 0 ? call : {}), function: { ...named, arguments: text } }))
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
    return isNew && type === 'function' && typeof name === 'string' && isUsual(text)
  })
}

/** Whether arguments are one text of JSON, as far as that can be seen without parsing it. */
function isUsual(text: unknown): boolean {
  return typeof text === 'string' && text.startsWith('{') && !BETWEEN_OBJECTS.test(text)
}

/** Text between two objects, or inside a string. */
const BETWEEN_OBJECTS = /\}\s*\{/

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

/** A call without `function` around its name and arguments. */
function flatCall({ name, arguments: text }: ToolCallPiece): ToolCallPiece {
  return name === undefined && text === undefined ? {} : { name, arguments: text }
}

function indexIn(index: unknown): number | undefined {
  if (typeof index === 'number') return index
  return typeof index === 'string' && /^\d{1,4}$/.test(index) ? Number(index) : undefined
}

/** The arguments of a call, with what is kept back. */
function argumentsOf(call: OpenCall): string {
  return call.arguments + restOf(call, '')
}

/** Adds the arguments of a piece, and returns what the caller gets of them now. */
function addArguments(call: OpenCall, text: string): string {
  if (call.kept === undefined && !isDoubtful(call.arguments, text)) {
    call.arguments += text
    return text
  }
  if (text !== '') (call.kept ??= []).push(text)
  return ''
}

/**
 * Whether a piece may be something else than the next part of the arguments: the first one is an empty object or not an
 * object at all, or a later one begins as the arguments do.
 */
function isDoubtful(before: string, text: string): boolean {
  if (text.trim() === '') return false
  if (BETWEEN_OBJECTS.test(text)) return true
  if (before === '') return !startsObject(text) || text.trim() === '{}'
  return startsObject(text) && (text.startsWith(before) || isComplete(before))
}

/** What a complete call still lacks, and the arguments of further calls that were sent as part of it. */
function restsOf(call: OpenCall): readonly string[] {
  const { arguments: before, kept } = call
  if (kept === undefined) return [restOf(call)]
  const [first, ...others] = objectsIn(before + kept.join(''))
  return first === undefined || others.length === 0 || !first.startsWith(before)
    ? [restOf(call)]
    : [first.slice(before.length), ...others]
}

/** The different objects of a text that is nothing else; empty ones do not count. Empty for any other text. */
function objectsIn(text: string): readonly string[] {
  if (!BETWEEN_OBJECTS.test(text)) return []
  const objects = text.split(/(?<=\})\s*(?=\{)/).reduce<string[]>((all, part) => {
    const last = all.at(-1)
    // A part that is no object was cut inside a string.
    if (last === undefined || isComplete(last)) return [...all, part]
    return [...all.slice(0, -1), last + part]
  }, [])
  return objects.every(isComplete) ? [...new Set(objects)].filter((each) => !/^\{\s*\}$/.test(each)) : []
}

/** What a complete call still lacks: the kept pieces as they make JSON, or the empty object. */
function restOf({ arguments: before, kept = [] }: OpenCall, none = '{}'): string {
  if (kept.length === 0) return before === '' ? none : ''
  // The arguments are complete, and what follows only repeats them.
  if (isComplete(before)) return ''
  const joined = kept.join('')
  const last = kept.at(-1) ?? ''
  if (isComplete(before + joined)) return joined
  if (last.startsWith(before) && isComplete(last)) return last.slice(before.length)
  return before === '' ? wholeArguments(joined) : joined
}

/** Arguments as one text of JSON: of an object, of JSON inside a string, or without an object that stands before the real one. */
function wholeArguments(value: unknown): string {
  const text = argumentsText(value)
  if (text.trim() === '') return '{}'
  if (isComplete(text)) return text
  const inner = parsed(text)
  if (typeof inner === 'string' && isComplete(inner)) return inner
  const half = text.slice(text.length / 2)
  if (half + half === text && isComplete(half)) return half
  const later = text.trimStart().startsWith('{}') ? text.trimStart().slice(2) : ''
  return isComplete(later) ? later : text
}

/** What a further piece adds to the name: nothing when it repeats it. */
function nameRest(call: OpenCall, name: string): string {
  return name === call.name || argumentsOf(call) !== '' ? '' : name
}

function startsObject(text: string): boolean {
  return /^\s*\{/.test(text)
}

function isComplete(text: string): boolean {
  return text.trimEnd().endsWith('}') && isObject(parsed(text))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
