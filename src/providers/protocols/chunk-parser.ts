import { BACKSLASH, QUOTE } from '../../base/parse-json.ts'
import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'
import { stringSpanOf } from '../../wire/json/json-fields.ts'
import { parseObject } from '../../wire/openai/parse-object.ts'

/** Longer texts are rare, and a piece of a payload would keep all of it in memory (V8 copies shorter ones). */
const MOST_TEXT = 12
/** What OpenAI pads its chunks with, so that nobody on the network reads off the length of words. */
const PADDING = 'obfuscation'

/**
 * The chunks of a stream are all alike but for their text: what stands before it and after it is remembered from the last one
 * that was parsed, and the next is only parsed where it differs in more than that. Measured: 10.9 instead of 12.3 µs of CPU
 * per chunk.
 */
export class ChunkPattern {
  #chunk: TextChunk | undefined
  /** Up to the text, with its first quote. */
  #before = ''
  /** From its last quote to the padding, or to the end. */
  #after = ''
  /** From the last quote of the padding; nothing when there is none. */
  #end = ''

  /** What `JSON.parse` makes of it; `undefined` for all but an object. */
  parse(payload: string): ChatChunk | undefined {
    return this.#alike(payload) ?? this.#learn(payload)
  }

  #alike(payload: string): ChatChunk | undefined {
    const chunk = this.#chunk
    const from = this.#before.length
    if (chunk === undefined || payload.slice(0, from) !== this.#before) return undefined
    const to = plainEnd(payload, from)
    const padFrom = to + this.#after.length
    if (to - from > MOST_TEXT || payload.slice(to, padFrom) !== this.#after) return undefined
    const text = payload.slice(from, to)
    if (this.#end === '') return padFrom === payload.length ? withText(chunk, text) : undefined
    const padTo = plainEnd(payload, padFrom)
    return payload.slice(padTo) === this.#end
      ? Object.assign(withText(chunk, text), { [PADDING]: payload.slice(padFrom, padTo) })
      : undefined
  }

  #learn(payload: string): ChatChunk | undefined {
    const chunk = parseObject(payload)
    this.#chunk = undefined
    if (chunk === undefined || !isText(chunk)) return chunk
    const text = stringSpanOf(payload, 'content')
    if (text === undefined) return chunk
    const padding = PADDING in chunk ? stringSpanOf(payload, PADDING) : undefined
    // A padding that stands elsewhere is no pattern that was ever seen.
    if (PADDING in chunk && (padding === undefined || padding.from < text.to)) return chunk
    const before = payload.slice(0, text.from + 1)
    const after = payload.slice(text.to - 1, padding === undefined ? undefined : padding.from + 1)
    // A name may be written with escapes, and then “content” could be another one.
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
