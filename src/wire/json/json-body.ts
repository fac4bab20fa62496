import { BrokerError } from '../../base/errors.ts'
import { parseBounded, parseJson } from '../../base/parse-json.ts'
import { explainJsonError } from './json-error.ts'
import { skipSpace, topLevelFields, type JsonText } from './json-fields.ts'

/** The body of a request. */
export interface JsonBody extends JsonText {
  readonly value: Readonly<Record<string, unknown>>
  /** Size of the body as it was received. */
  readonly byteLength: number
  /** The request that this one was made from, when the caller wrote it in another dialect. */
  readonly source?: SourceBody | undefined
}

/** A request as the caller wrote it, and in which dialect. */
export interface SourceBody {
  readonly dialect: string
  readonly body: JsonBody
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses a body that must be one JSON object. Throws `bad-request` with the place of the error. A duplicate field is refused,
 * because we and the provider might each read a different one of the two.
 */
export function parseJsonBody(bytes: Uint8Array): JsonBody {
  return bodyOfText(decodeBody(bytes), bytes.length)
}

/** Decodes the text of a body. Throws `bad-request` when it is empty or not UTF-8. */
export function decodeBody(bytes: Uint8Array): string {
  if (bytes.length === 0) {
    throw new BrokerError('bad-request', 'the body is empty; a JSON object is expected')
  }
  return decodeText(bytes)
}

/** `parseJsonBody` for a decoded text: `byteLength` is its received size, `fields` are its top-level fields if already known. */
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

/** A body that we created ourselves, and so need not validate. */
export function jsonBodyOf(text: string): JsonBody {
  const fields = topLevelFields(text)
  return { text, value: parseBounded(text) as JsonBody['value'], fields, byteLength: Buffer.byteLength(text) }
}

/** Whether a value is a JSON object: neither null nor a list. */
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

/** Parses a text whose fields were found already, so that an object is known to be within the bounds. */
function parseText(text: string): unknown {
  const first = text.charCodeAt(skipSpace(text, 0))
  if (first === OPEN_BRACKET) return undefined
  try {
    return first === OPEN_BRACE ? parseBounded(text) : parseJson(text)
  } catch (cause) {
    throw new BrokerError('bad-request', `the body is not valid JSON, ${explainJsonError(text)}`, { cause })
  }
}

const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
