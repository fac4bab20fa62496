import { isObject, type JsonBody } from '../../../wire/json/json-body.ts'
import {
  IMAGE_RULES,
  MAX_FILE_TOKENS_PER_BYTE,
  MAX_IMAGE_TOKENS,
  MIN_ANY_SOUND_BYTES_PER_SECOND,
  MIN_SOUND_BYTES_PER_SECOND,
  MIN_VIDEO_BYTES_PER_SECOND,
  SOUND_TOKENS_PER_SECOND,
  VIDEO_TOKENS_PER_SECOND,
} from './media-rules.ts'

/** An image, a sound, a video or a file of a prompt. */
export interface Medium {
  /** `unknown`: a part of a type that the broker does not know, or a file that is only referred to. */
  readonly kind: 'image' | 'sound' | 'video' | 'file' | 'text-file' | 'unknown'
  /** Characters of base64 in the body that are no text. */
  readonly encodedLength: number
  /** Bytes of the medium; 0 when the body has only a link to it. */
  readonly bytes: number
  readonly format: string | undefined
}

/** The media in the messages of a chat or the inputs of an embedding. */
export function mediaIn({ value }: JsonBody): readonly Medium[] {
  const list = value['messages'] ?? value['input']
  if (!Array.isArray(list) || !list.some(hasParts)) return NO_MEDIA
  const media: Medium[] = []
  for (const each of list) addMedia(each, media)
  return media
}

const NO_MEDIA: readonly Medium[] = []

/** Whether a message or an input is more than a text. */
function hasParts(item: unknown): boolean {
  return isObject(item) && typeof item['content'] !== 'string'
}

/** @param item a message, or an input of an embedding. */
function addMedia(item: unknown, media: Medium[]): void {
  if (!isObject(item)) return
  const { content } = item
  if (Array.isArray(content)) for (const part of content) addPart(part, media)
  else if (content === undefined && item['role'] === undefined)
    addPart({ type: typeOf(item), ...item }, media)
}

/** An input of an embedding that has no type is named by its only field, as at Jina. */
function typeOf(item: Readonly<Record<string, unknown>>): string {
  return Object.keys(item)[0] ?? 'text'
}

function addPart(part: unknown, media: Medium[]): void {
  if (!isObject(part) || isTextPart(part)) return
  const { type } = part
  const payload = payloadOf(part)
  const kind = kindOf(String(type), payload?.mediaType)
  media.push({
    kind: payload === undefined && kind !== 'image' ? 'unknown' : kind,
    encodedLength: payload?.length ?? 0,
    bytes: Math.ceil(((payload?.length ?? 0) * 3) / 4),
    format: payload?.format,
  })
}

/** Types of parts that are text without any medium: their text is in the body as it is. */
function isTextPart(part: Readonly<Record<string, unknown>>): boolean {
  return TEXT_TYPES.has(String(part['type']))
}

const TEXT_TYPES: ReadonlySet<string> = new Set([
  'text',
  'input_text',
  'output_text',
  'refusal',
  'thinking',
  'redacted_thinking',
  'reasoning',
])

/** Base64 in a part, and what it is. */
interface Payload {
  readonly length: number
  readonly mediaType: string | undefined
  readonly format: string | undefined
}

/** Where the types of parts have their medium: OpenAI's, OpenRouter's, Anthropic's and Jina's. */
const FIELDS = [
  'url',
  'data',
  'file_data',
  'image_url',
  'video_url',
  'input_audio',
  'input_video',
  'file',
  'source',
  'image',
  'audio',
  'video',
]

/** The first base64 in the known fields, which may be one level deeper. */
function payloadOf(part: Readonly<Record<string, unknown>>): Payload | undefined {
  for (const name of FIELDS) {
    const value = part[name]
    if (typeof value === 'string') {
      const payload = payloadIn(name, value, part)
      if (payload !== undefined) return payload
    } else if (isObject(value)) {
      const payload = payloadOf(value)
      if (payload !== undefined) return payload
    }
  }
  return undefined
}

function payloadIn(
  name: string,
  value: string,
  owner: Readonly<Record<string, unknown>>,
): Payload | undefined {
  const format = typeof owner['format'] === 'string' ? owner['format'] : undefined
  if (/^data:/i.test(value.slice(0, 5))) {
    const comma = value.indexOf(',')
    const mediaType = /^data:([^;,]*)/i.exec(value.slice(0, 100))?.[1]?.toLowerCase()
    return { length: value.length - comma - 1, mediaType, format: format ?? mediaType?.split('/')[1] }
  }
  const isLink = /^[a-z][a-z0-9+.-]*:\/\//i.test(value.slice(0, 30))
  if (isLink || name === 'url' || !BASE64_FIELDS.has(name)) return undefined
  const mediaType = typeof owner['media_type'] === 'string' ? owner['media_type'] : undefined
  return { length: value.length, mediaType, format }
}

/** Fields whose value is base64 when it is no link. */
const BASE64_FIELDS: ReadonlySet<string> = new Set(['data', 'file_data', 'image', 'audio', 'video'])

/** By the media type of the bytes, since clients send PDFs and videos as `image_url`, too; otherwise by the part's type. */
function kindOf(type: string, mediaType = ''): Medium['kind'] {
  for (const [pattern, kind] of KINDS) if (pattern.test(mediaType)) return kind
  for (const [pattern, kind] of TYPES) if (pattern.test(type)) return kind
  return 'unknown'
}

const KINDS: readonly (readonly [RegExp, Medium['kind']])[] = [
  [/^image\//i, 'image'],
  [/^audio\//i, 'sound'],
  [/^video\//i, 'video'],
  [/^text\/|\/(json|xml|yaml)$/i, 'text-file'],
  [/^application\//i, 'file'],
]
const TYPES: readonly (readonly [RegExp, Medium['kind']])[] = [
  [/image/, 'image'],
  [/audio/, 'sound'],
  [/video/, 'video'],
  [/file|document/, 'file'],
]

/** The maximum of one medium at a model; infinite when it can be any number up to the context window. */
export function maxMediumTokens(medium: Medium, modelNames: readonly string[]): number {
  return medium.kind === 'image' ? maxImageTokens(modelNames) : MAX_TOKENS[medium.kind](medium)
}

const MAX_TOKENS: Readonly<Record<Exclude<Medium['kind'], 'image'>, (medium: Medium) => number>> = {
  sound: ({ bytes, format = '' }) =>
    seconds(bytes, MIN_SOUND_BYTES_PER_SECOND[format] ?? MIN_ANY_SOUND_BYTES_PER_SECOND) *
    SOUND_TOKENS_PER_SECOND,
  video: ({ bytes }) => seconds(bytes, MIN_VIDEO_BYTES_PER_SECOND) * VIDEO_TOKENS_PER_SECOND,
  file: ({ bytes }) => bytes * MAX_FILE_TOKENS_PER_BYTE,
  'text-file': ({ bytes }) => bytes,
  unknown: () => Number.POSITIVE_INFINITY,
}

function maxImageTokens(modelNames: readonly string[]): number {
  const rule = IMAGE_RULES.find(({ models }) => modelNames.some((name) => models.test(name)))
  return rule?.maxTokens ?? MAX_IMAGE_TOKENS
}

function seconds(bytes: number, perSecond: number): number {
  return Math.ceil(bytes / perSecond)
}

/** What OpenAI counts for a square image in high detail. */
export const USUAL_IMAGE_TOKENS = 765
/** Bytes per token of usual sounds (128 kbit/s), videos (1 Mbit/s) and files. */
const USUAL_BYTES_PER_TOKEN = { sound: 500, video: 420, file: 20, 'text-file': 4, unknown: 4 } as const

/** A rule of thumb. */
export function usualMediumTokens({ kind, bytes }: Medium): number {
  return kind === 'image' ? USUAL_IMAGE_TOKENS : Math.ceil(bytes / USUAL_BYTES_PER_TOKEN[kind])
}
