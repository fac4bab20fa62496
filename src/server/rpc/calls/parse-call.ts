import { BrokerError } from '../../../base/errors.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import { topLevelFields, topLevelItems } from '../../../wire/json/json-fields.ts'
import { MAX_BATCH, MAX_CALL_CHARACTERS, RPC_CODES } from '../../../wire/rpc/message.ts'
import { LARGE_METHODS } from '../../../wire/rpc/methods.ts'
import { RpcFault, faultOf } from './rpc-error.ts'

/** One call, checked against the protocol but not yet against its method. */
export interface Call {
  /** The id as JSON text, so that it is returned exactly as it was sent; `undefined` for a notification. */
  readonly id: string | undefined
  readonly method: string
  readonly params: Readonly<Record<string, unknown>> | readonly unknown[]
}

/** Parses a body, and keeps the text of the numeric `id` of each call. Throws a parse error or an invalid request. */
export function parseBody(body: Uint8Array): { readonly value: unknown; readonly idTexts: IdTexts } {
  const text = orParseError(() => new TextDecoder('utf-8', { fatal: true }).decode(body))
  const calls = callTextsIn(text)
  if (calls.length > MAX_BATCH) throw invalid(`a batch may have at most ${MAX_BATCH} calls; split it`)
  refuseTooLarge(calls)
  const value = orParseError(() => JSON.parse(text) as unknown)
  return { value, idTexts: idTextsOf([value].flat(), calls) }
}

function orParseError<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw new RpcFault(RPC_CODES.parseError, 'the body is not JSON in UTF-8')
  }
}

/** The texts of the calls; of a batch at most one more than allowed, because millions of small calls would take gigabytes once parsed. */
function callTextsIn(text: string): readonly string[] {
  if (!/^\s*\[/.test(text)) return [text]
  return orParseError(() => topLevelItems(text, MAX_BATCH + 1)).map(({ from, to }) => text.slice(from, to))
}

/** Refuses bodies that are too large before they are parsed. */
function refuseTooLarge(calls: readonly string[]): void {
  const characters = calls.reduce((sum, { length }) => sum + length, 0)
  if (characters <= MAX_CALL_CHARACTERS) return
  const small = calls.filter((call) => !allowsLargeParams(call))
  if (small.reduce((sum, { length }) => sum + length, 0) <= MAX_CALL_CHARACTERS) return
  const message = `the calls of a body may have ${MAX_CALL_CHARACTERS.toLocaleString('en-US')} characters together, not counting ${LARGE_METHODS.join(', ')}`
  throw faultOf(new BrokerError('too-large', message))
}

function allowsLargeParams(call: string): boolean {
  const method = fieldText(call, 'method')
  return LARGE_METHODS.some((name) => JSON.stringify(name) === method)
}

/** The text of the numeric `id`, by call. */
export type IdTexts = WeakMap<object, string>

/**
 * A double can't hold every id that clients in other languages use (64-bit integers), so the digits are kept. A reviver of
 * `JSON.parse` gets them too, but is called for each value of the body and doubles the memory.
 */
function idTextsOf(values: readonly unknown[], texts: readonly string[]): IdTexts {
  const idTexts: IdTexts = new WeakMap()
  for (const [at, value] of values.entries()) {
    if (!isObject(value) || typeof value['id'] !== 'number') continue
    const id = fieldText(texts[at] ?? '', 'id')
    if (id !== undefined) idTexts.set(value, id)
  }
  return idTexts
}

/** The JSON text of a field of a call; `undefined` when the field is absent or occurs twice. */
function fieldText(call: string, name: string): string | undefined {
  try {
    const span = topLevelFields(call).get(name)
    return span && call.slice(span.valueFrom, span.valueTo)
  } catch {
    return undefined
  }
}

/** Reads one call of a body. Throws an invalid request. */
export function parseCall(value: unknown, idTexts: IdTexts): Call {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('a call is an object like {"jsonrpc":"2.0","method":"health","id":1}')
  }
  const { jsonrpc, method, params } = value as Record<string, unknown>
  if (jsonrpc !== '2.0') throw invalid('“jsonrpc” must be "2.0"')
  if (typeof method !== 'string') throw invalid('“method” must be a string')
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    throw invalid('“params” must be an object or an array')
  }
  return { id: readId(value, idTexts), method, params: (params ?? {}) as Call['params'] }
}

/** The id of a value that may not be a valid call, as JSON text; `null` when it has none. */
export function idOrNull(value: unknown, idTexts: IdTexts): string {
  try {
    return typeof value === 'object' && value !== null ? (readId(value, idTexts) ?? 'null') : 'null'
  } catch {
    return 'null'
  }
}

function readId(call: object, idTexts: IdTexts): string | undefined {
  if (!('id' in call)) return undefined
  if (typeof call.id === 'number') return idTexts.get(call) ?? JSON.stringify(call.id)
  if (typeof call.id === 'string' || call.id === null) return JSON.stringify(call.id)
  throw invalid('“id” must be a string, a number or null')
}

function invalid(message: string): RpcFault {
  return new RpcFault(RPC_CODES.invalidRequest, message)
}
