import { isObject } from '../../../../wire/json/json-body.ts'
import { restAs, type Fields } from '../../../chat-vocabulary.ts'
import { invalid } from '../invalid.ts'

/** Who wrote a text: what its part is usually called depends on that. */
export type Side = 'input' | 'output'

/** Parts of a message or of a tool's output. */
export function readParts(parts: readonly unknown[], path: string, side: Side = 'input'): readonly Fields[] {
  return parts.map((part, at) => {
    if (!isObject(part)) throw invalid(`${path}[${at}]`, 'it must be an object')
    return readPart(part, `${path}[${at}]`, side)
  })
}

/** One part. What only OpenAI has stays as it is. */
function readPart(part: Fields, path: string, side: Side): Fields {
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
    case 'summary_text':
    case 'reasoning_text':
      return textPart(part, path, side)
    case 'refusal':
      return {
        type: 'text',
        text: String(part['refusal']),
        ...marked(part, REFUSAL_FIELDS, { is_refusal: true }),
      }
    case 'input_image':
      return imagePart(part) ?? ownPart(part)
    case 'input_file':
      return filePart(part) ?? ownPart(part)
    case 'input_audio':
      return part
    default:
      return ownPart(part)
  }
}

function ownPart(block: Fields): Fields {
  return { type: 'dialect_block', dialect: 'responses', block }
}

const TEXT_FIELDS = new Set(['type', 'text'])

function textPart(part: Fields, path: string, side: Side): Fields {
  const { type, text } = part
  if (typeof text !== 'string') throw invalid(`${path}.text`, 'it must be a text')
  return { type: 'text', text, ...marked(part, TEXT_FIELDS, type === `${side}_text` ? {} : { type }) }
}

const REFUSAL_FIELDS = new Set(['type', 'refusal'])

/** What is left of a part, and how it was written. */
function marked(part: Fields, known: ReadonlySet<string>, marks: Fields): Fields {
  return restAs('responses', { ...without(part, known), ...marks }, NOTHING)
}

const NOTHING: ReadonlySet<string> = new Set()

function without(part: Fields, known: ReadonlySet<string>): Fields {
  return Object.fromEntries(Object.entries(part).filter(([name]) => !known.has(name)))
}

const IMAGE_FIELDS = new Set(['type', 'image_url', 'detail'])

/** `undefined` for an image that OpenAI keeps. */
function imagePart(part: Fields): Fields | undefined {
  const { image_url: url, detail } = part
  if (typeof url !== 'string' || url === '') return undefined
  const image_url = { url, ...(typeof detail === 'string' ? { detail } : {}) }
  return { type: 'image_url', image_url, ...marked(part, IMAGE_FIELDS, {}) }
}

const FILE_FIELDS = new Set(['type', 'filename', 'file_data', 'file_url'])

/** `undefined` for a file that OpenAI keeps. */
function filePart(part: Fields): Fields | undefined {
  const { filename, file_data, file_url } = part
  const data = typeof file_data === 'string' && file_data !== '' ? file_data : file_url
  if (typeof data !== 'string' || data === '') return undefined
  const file = { ...(typeof filename === 'string' ? { filename } : {}), file_data: data }
  return { type: 'file', file, ...marked(part, FILE_FIELDS, data === file_url ? { is_url: true } : {}) }
}
