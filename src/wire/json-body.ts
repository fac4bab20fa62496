import { BrokerError } from '../base/errors.ts'
import { afterString, BACKSLASH, isClosing, JsonBounds, parseBounded, parseJson } from '../base/parse-json.ts'
import { shortName } from '../base/short-name.ts'
import { explainJsonFault } from './json-fault.ts'

/** Where one member of a JSON object stands in its text; `valueTo` is exclusive. */
export interface FieldSpan {
  readonly keyFrom: number
  readonly valueFrom: number
  readonly valueTo: number
}

/** A JSON object and the text it came as, so that it can be passed on unchanged but for a few fields. */
export interface JsonText {
  readonly text: string
  readonly fields: ReadonlyMap<string, FieldSpan>
}

/** The body of a request. */
export interface JsonBody extends JsonText {
  readonly value: Readonly<Record<string, unknown>>
  /** Size as it came. */
  readonly byteLength: number
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

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
  const value = JSON.parse(text) as Record<string, unknown>
  return { text, value, fields: topLevelFields(text), byteLength: encoder.encode(text).length }
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

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b

/** Where the value of a field ends that begins at `from`, where that is known already. */
export type KnownEnd = (name: string, from: number) => number | undefined

/**
 * Finds the members of a JSON object. What it finds in a text that isn't one means nothing, but it is looked at for its bounds.
 * Throws `bad-request` on a repeated name, too deep a nesting and too many parts.
 */
export function topLevelFields(json: string, knownEnd?: KnownEnd): Map<string, FieldSpan> {
  const fields = new Map<string, FieldSpan>()
  const bounds = new JsonBounds()
  let at = skipSpace(json, json.indexOf('{') + 1)
  while (json.charCodeAt(at) === QUOTE) {
    const keyFrom = at
    const keyTo = afterString(json, at)
    const name = readKey(json, keyFrom, keyTo)
    const colon = skipSpace(json, keyTo)
    if (json.charCodeAt(colon) !== COLON) break
    const valueFrom = skipSpace(json, colon + 1)
    const valueTo = knownEnd?.(name, valueFrom) ?? afterValue(json, valueFrom, bounds)
    if (bounds.excess !== undefined) throw new BrokerError('bad-request', `the body has ${bounds.excess}`)
    if (fields.has(name))
      throw new BrokerError('bad-request', `the field “${shortName(name)}” stands twice in the body`)
    fields.set(name, { keyFrom, valueFrom, valueTo })
    at = skipSpace(json, valueTo)
    if (json.charCodeAt(at) !== COMMA) break
    at = skipSpace(json, at + 1)
  }
  return fields
}

/** Finds the first `most` items of a JSON list. What it finds in a text that isn't one means nothing. */
export function topLevelItems(json: string, most: number): Span[] {
  const items: Span[] = []
  const bounds = new JsonBounds()
  let from = skipSpace(json, json.indexOf('[') + 1)
  while (items.length < most) {
    const to = afterValue(json, from, bounds)
    if (to === from) break
    items.push({ from, to })
    const next = skipSpace(json, to)
    if (json.charCodeAt(next) !== COMMA) break
    from = skipSpace(json, next + 1)
  }
  return items
}

function readKey(json: string, from: number, to: number): string {
  const plain = json.slice(from + 1, to - 1)
  if (!plain.includes('\\')) return plain
  try {
    return JSON.parse(json.slice(from, to)) as string
  } catch {
    return plain
  }
}

function skipSpace(json: string, from: number): number {
  let at = from
  while (json.charCodeAt(at) <= 0x20) at++
  return at
}

function afterValue(json: string, from: number, bounds: JsonBounds): number {
  const first = json.charCodeAt(from)
  if (first === QUOTE || first === OPEN_BRACE || first === OPEN_BRACKET) return bounds.afterValue(json, from)
  let at = from
  while (at < json.length) {
    const code = json.charCodeAt(at)
    if (code === COMMA || isClosing(code) || code <= 0x20) break
    at++
  }
  return at
}

/** A new value for a field as JSON text; `undefined` takes the field out. A field that isn't there is put first. */
export type FieldChanges = ReadonlyMap<string, string | undefined>

/**
 * The same text with some top-level fields replaced, added or taken out; everything else stays as it came. The text is gone
 * through once: each look at what was put together so far would be another copy of it.
 */
export function spliceFields(json: JsonText, changes: FieldChanges): string {
  const edits: Edit[] = []
  let added = ''
  let removed = 0
  for (const [name, value] of changes) {
    const span = json.fields.get(name)
    if (span === undefined) {
      if (value !== undefined) added += `${added === '' ? '' : ','}${JSON.stringify(name)}:${value}`
    } else if (value === undefined) removed++
    else edits.push({ from: span.valueFrom, to: span.valueTo, text: value })
  }
  if (removed > 0) edits.push(...removals(json, changes))
  if (added !== '') edits.unshift(addition(json, added, json.fields.size > removed))
  if (edits.length > 1) edits.sort((a, b) => a.from - b.from)
  return applyEdits(json.text, edits)
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

function addition({ text }: JsonText, added: string, othersFollow: boolean): Edit {
  const open = text.indexOf('{') + 1
  return { from: open, to: open, text: othersFollow ? `${added},` : added }
}

/** A field goes with the comma after it; those at the end go with the one before them. */
function removals({ text, fields }: JsonText, changes: FieldChanges): Edit[] {
  const edits: Edit[] = []
  let keptTo: number | undefined
  let going: FieldSpan[] = []
  for (const [name, span] of fields) {
    if (changes.has(name) && changes.get(name) === undefined) going.push(span)
    else {
      for (const { keyFrom, valueTo } of going)
        edits.push({ from: keyFrom, to: afterComma(text, valueTo), text: '' })
      going = []
      keptTo = span.valueTo
    }
  }
  const [first, last] = [going[0], going.at(-1)]
  if (first !== undefined && last !== undefined)
    edits.push({ from: keptTo ?? first.keyFrom, to: last.valueTo, text: '' })
  return edits
}

function afterComma(text: string, to: number): number {
  const next = skipSpace(text, to)
  return text.charCodeAt(next) === COMMA ? next + 1 : to
}

/** In their order; they don't overlap. */
function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = ''
  let read = 0
  for (const { from, to, text: put } of edits) {
    out += text.slice(read, from) + put
    read = to
  }
  return out + text.slice(read)
}

/** Where a value stands in a JSON text; `to` is exclusive. */
export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * The string that the one member of that name has for a value, wherever the member stands in a valid JSON text: with its
 * quotes, and with the escapes that it is written with. `undefined` when none has the name, several have, or its value is
 * something else.
 *
 * @param name one that needs no escapes.
 */
export function stringSpanOf(json: string, name: string): Span | undefined {
  // Quotes inside a string have a backslash before them, so this stands only where a string begins and ends.
  const quoted = `"${name}"`
  const at = json.indexOf(quoted)
  if (at === -1 || json.charCodeAt(at - 1) === BACKSLASH || json.includes(quoted, at + 1)) return undefined
  const colon = skipSpace(json, at + quoted.length)
  const from = skipSpace(json, colon + 1)
  if (json.charCodeAt(colon) !== COLON || json.charCodeAt(from) !== QUOTE) return undefined
  return { from, to: afterString(json, from) }
}
