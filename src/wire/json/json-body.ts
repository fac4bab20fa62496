import { BrokerError } from '../../base/errors.ts'
import { parseBounded, parseJson } from '../../base/parse-json.ts'
import { explainJsonFault } from './json-error.ts'
import { skipSpace, topLevelFields, type JsonText } from './json-fields.ts'

/** The body of a request. */
export interface JsonBody extends JsonText {
  readonly value: Readonly<Record<string, unknown>>
  /** Size as it came. */
  readonly byteLength: number
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses a body that must be one JSON object. Throws `bad-request` naming the place of the fault; a field that
 * stands twice is refused, because we and the provider might each read another one of the two.
 */
export function parseJsonBody(bytes: Uint8Array): JsonBody {
  return bodyOfText(decodeBody(bytes), bytes.length)
}

/** A body's text. Throws `bad-request` where there is none. */
export function decodeBody(bytes: Uint8Array): string {
  if (bytes.length === 0) {
    throw new BrokerError('bad-request', 'the body is empty; a JSON object is expected')
  }
  return decodeText(bytes)
}

/** `parseJsonBody` of a text that was `byteLength` long when it came, and whose `fields` may be known. */
export function bodyOfText(
  text: string,
  byteLength: number,
  fields: JsonText['fields'] = topLevelFields(text),
): JsonBody {
  const value = parseText(text)
  if (!isObject(value)) {
    throw new BrokerError(
      'bad-request',
      'the body must be a JSON object, such as {"model": …, "messages": […]}',
    )
  }
  return { text, value, fields, byteLength }
}

/** A body that we wrote ourselves. */
export function jsonBodyOf(text: string): JsonBody {
  const fields = topLevelFields(text)
  return { text, value: parseBounded(text) as JsonBody['value'], fields, byteLength: Buffer.byteLength(text) }
}

/** Of what JSON knows: neither null nor a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new BrokerError('bad-request', 'the body is not valid JSON: it has bytes that are not UTF-8', {
      cause,
    })
  }
}

/** Of a text whose fields were found: where it is an object, it keeps to the bounds. */
function parseText(text: string): unknown {
  const first = text.charCodeAt(skipSpace(text, 0))
  if (first === OPEN_BRACKET) return undefined
  try {
    return first === OPEN_BRACE ? parseBounded(text) : parseJson(text)
  } catch (cause) {
    throw new BrokerError('bad-request', `the body is not valid JSON, ${explainJsonFault(text)}`, { cause })
  }
}

const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
