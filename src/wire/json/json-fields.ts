import { BrokerError } from '../../base/errors.ts'
import { afterString, BACKSLASH, isClosing, JsonBounds, QUOTE } from '../../base/parse-json.ts'
import { truncate } from '../../base/text.ts'

/** Where one member of a JSON object stands in its text; `valueTo` is exclusive. */
export interface FieldSpan {
  readonly keyFrom: number
  readonly valueFrom: number
  readonly valueTo: number
}

/** A JSON object and its received text, so that it can be passed on unchanged save for a few fields. */
export interface JsonText {
  readonly text: string
  readonly fields: ReadonlyMap<string, FieldSpan>
}

/** Where a value stands in a JSON text; `to` is exclusive. */
export interface Span {
  readonly from: number
  readonly to: number
}

const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b

/** Returns where the value of a field ends that begins at `from`, if that is known already. */
export type KnownEnd = (name: string, from: number) => number | undefined

/**
 * Finds the members of a JSON object. For a text that is not an object the result is meaningless, but the bounds are checked
 * anyway. Throws `bad-request` on a repeated name, too deep nesting and too many parts.
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
      throw new BrokerError('bad-request', `the field “${truncate(name)}” stands twice in the body`)
    fields.set(name, { keyFrom, valueFrom, valueTo })
    at = skipSpace(json, valueTo)
    if (json.charCodeAt(at) !== COMMA) break
    at = skipSpace(json, at + 1)
  }
  return fields
}

/** Finds the first `maxItems` items of a JSON list. For a text that is not a list the result is meaningless. */
export function topLevelItems(json: string, maxItems: number): Span[] {
  const items: Span[] = []
  const bounds = new JsonBounds()
  let from = skipSpace(json, json.indexOf('[') + 1)
  while (items.length < maxItems) {
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

/** The position of the first character from `from` on that is not white space. */
export function skipSpace(json: string, from: number): number {
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

/**
 * Where the string value of a member stands, at any depth of a valid JSON text: with its quotes and its escapes.
 * `undefined` when no member has the name, several have it, or its value is not a string.
 *
 * @param name a name that needs no escapes.
 */
export function stringSpanOf(json: string, name: string): Span | undefined {
  // Quotes inside a string are escaped, so this text occurs only as a whole string.
  const quoted = `"${name}"`
  const at = json.indexOf(quoted)
  if (at === -1 || json.charCodeAt(at - 1) === BACKSLASH || json.includes(quoted, at + 1)) return undefined
  const colon = skipSpace(json, at + quoted.length)
  const from = skipSpace(json, colon + 1)
  if (json.charCodeAt(colon) !== COLON || json.charCodeAt(from) !== QUOTE) return undefined
  return { from, to: afterString(json, from) }
}
