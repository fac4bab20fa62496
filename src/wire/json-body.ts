import { BrokerError } from '../base/errors.ts'
import { explainJsonFault } from './json-fault.ts'

/** Where one member of a JSON object stands in its bytes; `to` is exclusive. */
export interface FieldSpan {
  readonly keyFrom: number
  readonly valueFrom: number
  readonly valueTo: number
}

/** A JSON object together with the bytes it came as, so that it can be passed on unchanged but for a few fields. */
export interface JsonBody {
  readonly bytes: Uint8Array
  readonly value: Readonly<Record<string, unknown>>
  readonly fields: ReadonlyMap<string, FieldSpan>
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Parses a body that must be one JSON object. Throws `bad-request` naming the place of the fault; a field that
 * stands twice is refused, because we and the provider might each read another one of the two.
 */
export function parseJsonBody(bytes: Uint8Array): JsonBody {
  const value = parseObject(bytes)
  return { bytes, value, fields: topLevelFields(bytes) }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length === 0) {
    throw new BrokerError('bad-request', 'the body is empty; a JSON object is expected')
  }
  const value = parseText(decodeText(bytes))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BrokerError(
      'bad-request',
      'the body must be a JSON object, such as {"model": …, "messages": […]}',
    )
  }
  return value as Record<string, unknown>
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

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new BrokerError('bad-request', `the body is not valid JSON, ${explainJsonFault(text)}`, { cause })
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Finds the members of a JSON object that is already known to be valid. Throws `bad-request` on a repeated name. */
export function topLevelFields(json: Uint8Array): Map<string, FieldSpan> {
  const fields = new Map<string, FieldSpan>()
  let at = skipSpace(json, json.indexOf(OPEN_BRACE) + 1)
  while (json[at] === QUOTE) {
    const keyFrom = at
    const keyTo = afterString(json, at)
    const name = readKey(json, keyFrom, keyTo)
    const valueFrom = skipSpace(json, json.indexOf(COLON, keyTo) + 1)
    const valueTo = afterValue(json, valueFrom)
    if (fields.has(name)) throw new BrokerError('bad-request', `the field “${name}” stands twice in the body`)
    fields.set(name, { keyFrom, valueFrom, valueTo })
    at = skipSpace(json, valueTo)
    if (json[at] !== COMMA) break
    at = skipSpace(json, at + 1)
  }
  return fields
}

function readKey(json: Uint8Array, from: number, to: number): string {
  return JSON.parse(decoder.decode(json.subarray(from, to))) as string
}

function skipSpace(json: Uint8Array, from: number): number {
  let at = from
  while ((json[at] ?? 0x21) <= 0x20) at++
  return at
}

/** Strings up to this length are walked byte by byte, which beats the call into native code. */
const SHORT = 48

/** The index after the closing quote of the string that opens at `from`. */
function afterString(json: Uint8Array, from: number): number {
  let at = from + 1
  const near = at + SHORT
  while (at < near) {
    const byte = json[at]
    if (byte === QUOTE) return at + 1
    if (byte === undefined) return at
    at += byte === BACKSLASH ? 2 : 1
  }
  for (;;) {
    const quote = json.indexOf(QUOTE, at)
    if (quote === -1) return json.length
    let slashes = 0
    while (quote - 1 - slashes >= at && json[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

function afterValue(json: Uint8Array, from: number): number {
  const first = json[from]
  if (first === QUOTE) return afterString(json, from)
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return afterNested(json, from)
  let at = from
  while (at < json.length) {
    const byte = json[at] ?? 0
    if (byte === COMMA || byte === CLOSE_BRACE || byte <= 0x20) break
    at++
  }
  return at
}

function afterNested(json: Uint8Array, from: number): number {
  let depth = 0
  let at = from
  while (at < json.length) {
    const byte = json[at]
    if (byte === QUOTE) {
      at = afterString(json, at)
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
    at++
    if (depth === 0) break
  }
  return at
}

/** A new value for a field as JSON text; `undefined` takes the field out. A field that isn't there is put first. */
export type FieldChanges = ReadonlyMap<string, string | undefined>

/** The same bytes with some top-level fields replaced, added or taken out; everything else stays as it came. */
export function spliceFields(body: Pick<JsonBody, 'bytes' | 'fields'>, changes: FieldChanges): Uint8Array {
  if (changes.size === 0) return body.bytes
  const edits = [...editsOfPresent(body, changes)].sort((a, b) => a.from - b.from)
  const added = [...changes].filter(([name, json]) => json !== undefined && !body.fields.has(name))
  if (added.length > 0) edits.unshift(insertion(body, added, edits))
  return applyEdits(body.bytes, edits)
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
}

const NOTHING = new Uint8Array(0)

function* editsOfPresent(
  { bytes, fields }: Pick<JsonBody, 'bytes' | 'fields'>,
  changes: FieldChanges,
): Generator<Edit> {
  for (const [name, json] of changes) {
    const span = fields.get(name)
    if (span === undefined) continue
    if (json === undefined) yield removal(bytes, span)
    else yield { from: span.valueFrom, to: span.valueTo, bytes: encoder.encode(json) }
  }
}

/** Takes the comma after the field along; for a last field the one before it is left for `dropLooseComma`. */
function removal(bytes: Uint8Array, span: FieldSpan): Edit {
  const next = skipSpace(bytes, span.valueTo)
  return { from: span.keyFrom, to: bytes[next] === COMMA ? next + 1 : span.valueTo, bytes: NOTHING }
}

function insertion(
  { bytes, fields }: Pick<JsonBody, 'bytes' | 'fields'>,
  added: readonly (readonly [string, string | undefined])[],
  edits: readonly Edit[],
): Edit {
  const at = bytes.indexOf(OPEN_BRACE) + 1
  const removed = edits.filter((edit) => edit.bytes === NOTHING).length
  const text = added.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')
  return { from: at, to: at, bytes: encoder.encode(fields.size > removed ? `${text},` : text) }
}

function applyEdits(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let length = bytes.length
  for (const edit of edits) length += edit.bytes.length - (edit.to - edit.from)
  const out = new Uint8Array(length)
  let read = 0
  let written = 0
  for (const edit of edits) {
    out.set(bytes.subarray(read, edit.from), written)
    written += edit.from - read
    out.set(edit.bytes, written)
    written += edit.bytes.length
    read = edit.to
  }
  out.set(bytes.subarray(read), written)
  dropLooseComma(out, edits)
  return out
}

/** Where the last field was taken out, the comma before it now stands alone: a space takes its place. */
function dropLooseComma(out: Uint8Array, edits: readonly Edit[]): void {
  if (!edits.some((edit) => edit.bytes === NOTHING)) return
  let at = out.lastIndexOf(CLOSE_BRACE) - 1
  while ((out[at] ?? 0x21) <= 0x20) at--
  if (out[at] === COMMA) out[at] = 0x20
}
