import { RPC_CODES } from '../../wire/rpc-message.ts'
import { RpcFault } from './rpc-fault.ts'

/** One call as it came: checked for the protocol's sake, not yet for the method's. */
export interface Call {
  /** The id as JSON text, so that it goes back exactly as it came; `undefined` is a notification. */
  readonly id: string | undefined
  readonly method: string
  readonly params: Readonly<Record<string, unknown>> | readonly unknown[]
}

/** The JSON of a body, and for each object in it the text of its numeric `id`. Throws a parse error. */
export function parseBody(body: Uint8Array): { readonly value: unknown; readonly idTexts: IdTexts } {
  const idTexts: IdTexts = new WeakMap()
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    return { value: JSON.parse(text, keepIdText(idTexts)), idTexts }
  } catch {
    throw new RpcFault(RPC_CODES.parseError, 'the body is not JSON in UTF-8')
  }
}

/** By object of the body: the text of its numeric `id`. */
export type IdTexts = WeakMap<object, string>

/** A double can't hold every id that clients of other languages draw (64-bit integers), so the digits are kept. */
function keepIdText(idTexts: IdTexts) {
  return function (this: object, key: string, value: unknown, context?: { source?: string }): unknown {
    if (key === 'id' && typeof value === 'number') idTexts.set(this, context?.source ?? String(value))
    return value
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

/** The id of what may not even be a call, as JSON text: `null` when there is none to give back. */
export function idOrNull(value: unknown, idTexts: IdTexts): string {
  try {
    return typeof value === 'object' && value !== null ? (readId(value, idTexts) ?? 'null') : 'null'
  } catch {
    return 'null'
  }
}

function readId(call: object, idTexts: IdTexts): string | undefined {
  if (!('id' in call)) return undefined
  if (typeof call.id === 'number') return idTexts.get(call) ?? String(call.id)
  if (typeof call.id === 'string' || call.id === null) return JSON.stringify(call.id)
  throw invalid('“id” must be a string, a number or null')
}

function invalid(message: string): RpcFault {
  return new RpcFault(RPC_CODES.invalidRequest, message)
}
