import { jsonBodyOf, type JsonBody } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'

/** The number of tokens in each message of a request; everything outside the messages is `rest`. */
export interface PromptSize {
  readonly messages: readonly number[]
  readonly rest: number
}

/** A request whose prompt lost its middle. */
export interface Compressed {
  readonly body: JsonBody
  /** Number of messages that were removed. */
  readonly removed: number
  /** Number of messages that lost the middle of their text. */
  readonly shortened: number
}

/** A message is not cut to fewer tokens than this, so that the rest of it still makes sense. */
const MIN_TOKENS_LEFT = 64
/** Stands where text was taken out. */
const GAP = '\n[…]\n'

/**
 * Removes messages from the middle of a chat until it has at most `limit` tokens, because models pay the least attention to
 * the middle. System and developer messages stay, and so does the last message; a tool call is removed together with its
 * results. The last message to be removed is shortened in its middle instead, when that is enough. When no message is left
 * that may be removed, those that stay are shortened, the longest first. `undefined` when the chat fits as it is.
 */
export function middleOut(body: JsonBody, size: PromptSize, limit: number): Compressed | undefined {
  const messages = body.value['messages'] as readonly Message[]
  const work = new Compression(messages, size, limit)
  if (work.excess <= 0) return undefined
  work.removeMiddle()
  work.shortenLongest()
  return { body: withMessages(body, work.left()), removed: work.removed, shortened: work.shortened }
}

interface Message {
  readonly role: string
  readonly content?: unknown
  readonly tool_calls?: unknown
}

/** Messages that are removed together: one message, or tool calls and their results. */
interface Unit {
  readonly at: readonly number[]
  readonly stays: boolean
}

class Compression {
  readonly #messages: (Message | undefined)[]
  readonly #tokens: number[]
  readonly #units: Unit[]
  excess: number
  removed = 0
  shortened = 0

  constructor(messages: readonly Message[], { messages: tokens, rest }: PromptSize, limit: number) {
    this.#messages = [...messages]
    this.#tokens = [...tokens]
    this.#units = unitsOf(messages)
    this.excess = tokens.reduce((sum, count) => sum + count, rest) - limit
  }

  left(): readonly Message[] {
    return this.#messages.filter((message) => message !== undefined)
  }

  removeMiddle(): void {
    const movable = this.#units.filter(({ stays }) => !stays)
    for (const unit of middleFirst(movable)) {
      if (this.excess <= 0) return
      if (!this.#isShortened(unit)) this.#remove(unit)
    }
  }

  /** Shortens the messages that are left, each at most once. */
  shortenLongest(): void {
    const longestFirst = this.#tokens.map((count, at) => ({ count, at })).sort((a, b) => b.count - a.count)
    for (const { at } of longestFirst) {
      if (this.excess <= 0) return
      this.#shorten(at)
    }
  }

  #isShortened({ at: [only, ...others] }: Unit): boolean {
    if (only === undefined || others.length > 0) return false
    return (this.#tokens[only] ?? 0) - this.excess >= MIN_TOKENS_LEFT && this.#shorten(only)
  }

  #remove({ at }: Unit): void {
    for (const each of at) {
      this.excess -= this.#tokens[each] ?? 0
      this.#tokens[each] = 0
      this.#messages[each] = undefined
      this.removed++
    }
  }

  /** False when the message has no text that could be cut. */
  #shorten(at: number): boolean {
    const [message, tokens = 0] = [this.#messages[at], this.#tokens[at]]
    const wanted = Math.max(MIN_TOKENS_LEFT, tokens - this.excess)
    const shorter = message === undefined || wanted >= tokens ? undefined : cut(message, wanted / tokens)
    if (shorter === undefined) return false
    this.#messages[at] = shorter
    this.#tokens[at] = wanted
    this.excess -= tokens - wanted
    this.shortened++
    return true
  }
}

function unitsOf(messages: readonly Message[]): Unit[] {
  const units: { at: number[]; stays: boolean }[] = []
  for (const [at, { role }] of messages.entries()) {
    const before = units.at(-1)
    if (role === 'tool' && before !== undefined) before.at.push(at)
    else units.push({ at: [at], stays: role === 'system' || role === 'developer' })
  }
  const last = units.at(-1)
  if (last !== undefined) last.stays = true
  return units
}

/** From the middle outwards; of two units at the same distance the earlier one comes first. */
function middleFirst(units: readonly Unit[]): readonly Unit[] {
  const middle = (units.length - 1) / 2
  return units
    .map((unit, at) => ({ unit, distance: Math.abs(at - middle) }))
    .sort((a, b) => a.distance - b.distance)
    .map(({ unit }) => unit)
}

/**
 * Cuts the text of a message to a share of its length; of several parts, the longest is cut. `undefined` when it has too
 * little text.
 */
function cut(message: Message, share: number): Message | undefined {
  const { content } = message
  if (typeof content === 'string') return { ...message, content: cutText(content, share) }
  if (!Array.isArray(content)) return undefined
  const texts = content.map((part: unknown) => (part as { text?: unknown } | null)?.text)
  const lengths = texts.map((text) => (typeof text === 'string' ? text.length : 0))
  const longest = lengths.reduce((max, length) => Math.max(max, length), 0)
  const toRemove = lengths.reduce((sum, length) => sum + length, 0) * (1 - share)
  if (longest <= toRemove) return undefined
  const at = lengths.indexOf(longest)
  const parts = content.map((part: object, nth) =>
    nth === at ? { ...part, text: cutText(String(texts[at]), 1 - toRemove / longest) } : part,
  )
  return { ...message, content: parts }
}

/** Keeps the beginning and the end; a surrogate pair is never split. */
function cutText(text: string, share: number): string {
  const half = Math.max(0, Math.floor((text.length * share - GAP.length) / 2))
  const [head, tail] = [text.slice(0, half), half === 0 ? '' : text.slice(-half)]
  return `${head.replace(/[\uD800-\uDBFF]$/, '')}${GAP}${tail.replace(/^[\uDC00-\uDFFF]/, '')}`
}

function withMessages(body: JsonBody, messages: readonly Message[]): JsonBody {
  return jsonBodyOf(spliceFields(body, new Map([['messages', JSON.stringify(messages)]])))
}
