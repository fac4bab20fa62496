import { jsonText } from '../../../base/text.ts'
import type { ChatChunk, ChatDelta } from '../../../wire/openai/chat.ts'
import { stringSpanOf } from '../../../wire/json/json-fields.ts'
import type { ResponseInfo } from '../response-formatter.ts'
import { finishReasonsJson } from '../finish-reason.ts'
import { usageJsonText } from '../usage-json.ts'

/**
 * Fast path for an unstreamed response that is one text and nothing else, as nearly all are: the text is copied from the
 * provider's JSON as it is, and the JSON around it is a template instead of an object that is built and serialized.
 * `undefined` when the response has anything else in it. Measured: saves 3 of 127 µs per request.
 */
export function plainTextResponse(json: string, response: ChatChunk, info: ResponseInfo): string | undefined {
  const { choices, created, service_tier: tier } = response
  const [choice] = choices ?? []
  if (
    choice === undefined ||
    choices?.length !== 1 ||
    !hasOnly(response, RESPONSE_FIELDS) ||
    !hasOnly(choice, CHOICE_FIELDS)
  )
    return undefined
  const message = choice.message ?? {}
  if ((choice.index ?? 0) !== 0 || !isText(message)) return undefined
  const began = Number.isInteger(created) ? (created as number) : info.created
  const service = tier === null || tier === undefined ? '' : `"service_tier":${JSON.stringify(tier)},`
  const marks = message.annotations === undefined ? '' : ',"annotations":[]'
  const usage = info.usage()
  const counts =
    usage === undefined ? '' : `,"usage":${usageJsonText(usage, info.costParts(usage), response.usage)}`
  return (
    `{"id":${jsonText(info.id)},"object":"chat.completion","created":${began},` +
    `"model":${jsonText(info.model)},"provider":${jsonText(info.provider)},` +
    `${fingerprintText(response.system_fingerprint, info)}${service}` +
    `"choices":[{"index":0,"logprobs":null,${finishReasonsJson(choice)},` +
    `"message":{"role":"assistant","content":${literalOf(message.content, json)},"refusal":null,"reasoning":null${marks}}}]` +
    `${counts},"x_aibroker":${info.envelopeText()}}`
  )
}

const RESPONSE_FIELDS = new Set(
  'id object created model provider choices usage system_fingerprint service_tier'.split(' '),
)
const CHOICE_FIELDS = new Set(['index', 'message', 'finish_reason', 'native_finish_reason'])
const MESSAGE_FIELDS = new Set(['role', 'content', 'annotations'])

type TextMessage = ChatDelta & { readonly content: string; readonly annotations?: readonly [] | undefined }

function isText(message: ChatDelta & { annotations?: unknown }): message is TextMessage {
  const { content, annotations } = message
  return (
    typeof content === 'string' &&
    (annotations === undefined || (Array.isArray(annotations) && annotations.length === 0)) &&
    hasOnly(message, MESSAGE_FIELDS)
  )
}

/** The member with the comma after it; empty where a shape leaves out what the provider does not send. */
function fingerprintText(value: unknown, { shape }: ResponseInfo): string {
  if (typeof value === 'string') return `"system_fingerprint":${jsonText(value)},`
  const isAbsent = value === undefined || value === null
  return isAbsent && !shape.hasNullFingerprint ? '' : `"system_fingerprint":${JSON.stringify(value ?? null)},`
}

function literalOf(content: string, json: string): string {
  const span = stringSpanOf(json, 'content')
  return span === undefined ? JSON.stringify(content) : json.slice(span.from, span.to)
}

/** Fields that have the same value in every chunk of a stream. */
export interface ChunkHead {
  readonly id: string
  readonly model: string
  readonly provider: string
}

const TAIL = '},"finish_reason":null,"native_finish_reason":null}]}'

/**
 * Fast path for chunks that carry a piece of text and nothing else, as nearly all do: the head is written once, the tail is
 * constant, and only the text between them changes. Takes half the CPU of building and serializing the whole chunk.
 */
export class PlainTextChunks {
  readonly #parts: ChunkHead
  readonly #created: number
  #head = ''
  /** The values that the current head was written with. */
  #fingerprint: unknown
  #tier: unknown

  /** @param created Unix seconds. */
  constructor(parts: ChunkHead, created: number) {
    this.#parts = parts
    this.#created = created
  }

  /** The formatted chunk; `undefined` when the provider's chunk has more in it than text. */
  format(chunk: ChatChunk): string | undefined {
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

/** A member of a JSON object with the comma before it; empty for null. */
function member(name: string, value: unknown): string {
  return value === null || value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`
}

function textOf(chunk: ChatChunk): string | undefined {
  const { choices } = chunk
  if (choices?.length !== 1 || !hasOnly(chunk, CHUNK_FIELDS)) return undefined
  const [choice] = choices
  if (choice === undefined || (choice.index ?? 0) !== 0 || !hasOnly(choice, CHUNK_CHOICE_FIELDS))
    return undefined
  const { delta } = choice
  if (delta === null || delta === undefined || !hasOnly(delta, DELTA_FIELDS)) return undefined
  return typeof delta.content === 'string' ? delta.content : undefined
}

/** Fields that the head has, or that no caller needs. */
const CHUNK_FIELDS = new Set(
  'id object created model provider choices system_fingerprint service_tier obfuscation'.split(' '),
)
const CHUNK_CHOICE_FIELDS = new Set(['index', 'delta'])
const DELTA_FIELDS = new Set(['role', 'content'])

/** Whether all fields but the known ones are null. */
function hasOnly(object: object, known: ReadonlySet<string>): boolean {
  const fields = object as Readonly<Record<string, unknown>>
  for (const name in fields) if (fields[name] !== null && !known.has(name)) return false
  return true
}
