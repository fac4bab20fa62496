import { jsonText } from '../../base/text.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'

/** What stays the same through a stream. */
export interface ChunkHead {
  readonly id: string
  readonly model: string
  readonly provider: string
}

const TAIL = '},"finish_reason":null,"native_finish_reason":null}]}'

/**
 * Chunks that carry a piece of text and nothing else, which nearly all are: between a head that is written once and a
 * tail, only the text changes. Half the CPU of putting the whole chunk together.
 */
export class TextChunks {
  readonly #parts: ChunkHead
  readonly #created: number
  #head = ''
  /** What the head was written with. */
  #fingerprint: unknown
  #tier: unknown

  /** @param created Unix seconds. */
  constructor(parts: ChunkHead, created: number) {
    this.#parts = parts
    this.#created = created
  }

  /** The whole chunk, or `undefined` when there is more in it than text. */
  tell(chunk: ChatChunk): string | undefined {
    const text = textOf(chunk)
    if (text === undefined) return undefined
    const { system_fingerprint: fingerprint, service_tier: tier } = chunk
    if (this.#head === '' || fingerprint !== this.#fingerprint || tier !== this.#tier)
      this.#write(fingerprint, tier)
    return this.#head + JSON.stringify(text) + TAIL
  }

  #write(fingerprint: unknown, tier: unknown): void {
    this.#fingerprint = fingerprint
    this.#tier = tier
    const { id, model, provider } = this.#parts
    this.#head =
      `{"id":${jsonText(id)},"object":"chat.completion.chunk","created":${this.#created},` +
      `"model":${jsonText(model)},"provider":${jsonText(provider)}` +
      `${member('system_fingerprint', fingerprint)}${member('service_tier', tier)},` +
      '"choices":[{"index":0,"delta":{"role":"assistant","content":'
  }
}

/** Nothing when it is null. */
function member(name: string, value: unknown): string {
  return value === null || value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`
}

function textOf(chunk: ChatChunk): string | undefined {
  const { choices } = chunk
  if (choices?.length !== 1 || !hasOnly(chunk, TOP)) return undefined
  const [choice] = choices
  if (choice === undefined || (choice.index ?? 0) !== 0 || !hasOnly(choice, CHOICE)) return undefined
  const { delta } = choice
  if (delta === null || delta === undefined || !hasOnly(delta, DELTA)) return undefined
  return typeof delta.content === 'string' ? delta.content : undefined
}

/** What is in the head, or needs no telling. */
const TOP = new Set(
  'id object created model provider choices system_fingerprint service_tier obfuscation'.split(' '),
)
const CHOICE = new Set(['index', 'delta'])
const DELTA = new Set(['role', 'content'])

/** Whether every other field is null. */
export function hasOnly(object: object, known: ReadonlySet<string>): boolean {
  const fields = object as Readonly<Record<string, unknown>>
  for (const name in fields) if (fields[name] !== null && !known.has(name)) return false
  return true
}
