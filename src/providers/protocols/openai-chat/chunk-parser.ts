import { BACKSLASH, QUOTE } from '../../../base/parse-json.ts'
import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'
import { stringSpanOf } from '../../../wire/json/json-fields.ts'
import { parseObject } from '../../../wire/openai/parse-object.ts'

/** Longer texts are rare, and a slice of a payload keeps all of it in memory (V8 copies shorter slices). */
const MAX_TEXT = 12
/** The field OpenAI pads its chunks with, so that the length of words cannot be read off the network. */
const PADDING = 'obfuscation'

/**
 * Parses the chunks of a stream, which mostly differ in their text only. What stands before and after the text is kept from
 * the last chunk that was parsed; a chunk is only parsed when it differs in more than its text. Measured: 10.9 instead of
 * 12.3 µs of CPU per chunk.
 */
export class ChunkParser {
  #chunk: TextChunk | undefined
  /** From the beginning to the first quote of the text. */
  #before = ''
  /** From the last quote of the text to the padding, or to the end. */
  #after = ''
  /** From the last quote of the padding; empty when there is no padding. */
  #end = ''

  /** The same result as `JSON.parse`; `undefined` for anything but an object. */
  parse(payload: string): ChatChunk | undefined {
    return this.#parseAlike(payload) ?? this.#parseAnew(payload)
  }

  #parseAlike(payload: string): ChatChunk | undefined {
    const chunk = this.#chunk
    const from = this.#before.length
    if (chunk === undefined || payload.slice(0, from) !== this.#before) return undefined
    const to = plainEnd(payload, from)
    const padFrom = to + this.#after.length
    if (to - from > MAX_TEXT || payload.slice(to, padFrom) !== this.#after) return undefined
    const text = payload.slice(from, to)
    if (this.#end === '') return padFrom === payload.length ? withText(chunk, text) : undefined
    const padTo = plainEnd(payload, padFrom)
    return payload.slice(padTo) === this.#end
      ? Object.assign(withText(chunk, text), { [PADDING]: payload.slice(padFrom, padTo) })
      : undefined
  }

  #parseAnew(payload: string): ChatChunk | undefined {
    const chunk = parseObject(payload)
    this.#chunk = undefined
    if (chunk === undefined || !isText(chunk)) return chunk
    const text = stringSpanOf(payload, 'content')
    if (text === undefined) return chunk
    const padding = PADDING in chunk ? stringSpanOf(payload, PADDING) : undefined
    // Padding before the text has never been seen.
    if (PADDING in chunk && (padding === undefined || padding.from < text.to)) return chunk
    const before = payload.slice(0, text.from + 1)
    const after = payload.slice(text.to - 1, padding === undefined ? undefined : padding.from + 1)
    // With escapes in field names, the “content” that was found could be another field.
    if (before.includes('\\') || after.includes('\\')) return chunk
    this.#chunk = chunk
    this.#before = before
    this.#after = after
    this.#end = padding === undefined ? '' : payload.slice(padding.to - 1)
    return chunk
  }
}

type TextChunk = ChatChunk & { readonly choices: readonly [ChatChoice] }

function isText(chunk: ChatChunk): chunk is TextChunk {
  const { choices, usage } = chunk
  if (!Array.isArray(choices) || choices.length !== 1 || (usage ?? undefined) !== undefined) return false
  const [choice] = choices as readonly (ChatChoice | null)[]
  return typeof choice?.delta?.content === 'string'
}

function withText(chunk: TextChunk, content: string): ChatChunk {
  const [choice] = chunk.choices
  return { ...chunk, choices: [{ ...choice, delta: { ...choice.delta, content } }] }
}

/** The end of a piece of a JSON string that needs no unescaping. */
function plainEnd(json: string, from: number): number {
  let at = from
  for (; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === QUOTE || code === BACKSLASH || code < 0x20) break
  }
  return at
}
