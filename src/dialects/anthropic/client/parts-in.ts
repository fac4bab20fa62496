import { isObject } from '../../../wire/json/json-body.ts'
import { restAs, type Fields } from '../../chat-vocabulary.ts'
import { invalid } from './invalid.ts'

/** Blocks of a user's turn, of a tool's result or of an assistant's text, as parts of a chat message. */
export function readParts(blocks: readonly unknown[], path: string): readonly Fields[] {
  return blocks.map((block, at) => {
    if (!isObject(block)) throw invalid(`${path}.${at}`, 'must be an object')
    return readPart(block, `${path}.${at}`)
  })
}

/** One block. What only Anthropic has stays as it is. */
export function readPart(block: Fields, path: string): Fields {
  const { type } = block
  if (typeof type !== 'string') throw invalid(`${path}.type`, 'Field required')
  if (type === 'text') {
    if (typeof block['text'] !== 'string') throw invalid(`${path}.text`, 'Field required')
    return textPart(block)
  }
  const part =
    type === 'image' ? imagePart(block, path) : type === 'document' ? documentPart(block, path) : undefined
  return part ?? { type: 'dialect_block', dialect: 'anthropic', block }
}

const TEXT_FIELDS = new Set(['type', 'text', 'cache_control'])

export function textPart(block: Fields): Fields {
  const { text, cache_control } = block
  return { type: 'text', text, ...marked(cache_control), ...restAs('anthropic', block, TEXT_FIELDS) }
}

function marked(cache_control: unknown): Fields {
  return cache_control === undefined ? {} : { cache_control }
}

const SOURCE_FIELDS = new Set(['type', 'source', 'cache_control'])

/** `undefined` for a file that only Anthropic has. */
function imagePart(block: Fields, path: string): Fields | undefined {
  const url = urlOf(block['source'], path)
  if (url === undefined) return undefined
  return {
    type: 'image_url',
    image_url: { url },
    ...marked(block['cache_control']),
    ...restAs('anthropic', block, SOURCE_FIELDS),
  }
}

function documentPart(block: Fields, path: string): Fields | undefined {
  const { source, title, cache_control } = block
  if (!isObject(source)) throw invalid(`${path}.source`, 'Field required')
  const rest = restAs('anthropic', block, SOURCE_FIELDS)
  if (source['type'] === 'text')
    return { type: 'text', text: source['data'], ...marked(cache_control), ...asDocument(block) }
  const file_data = urlOf(source, path)
  if (file_data === undefined) return undefined
  const filename = typeof title === 'string' ? title : 'document.pdf'
  return { type: 'file', file: { filename, file_data }, ...marked(cache_control), ...rest }
}

/** A plain text is a text to every model; that it was a document is remembered for Anthropic. */
function asDocument({ source, cache_control: _mark, type: _type, ...rest }: Fields): Fields {
  const { data: _data, ...kind } = source as Fields
  return { dialect_fields: { anthropic: { document: { ...rest, source: kind } } } }
}

function urlOf(source: unknown, path: string): string | undefined {
  if (!isObject(source)) throw invalid(`${path}.source`, 'Field required')
  const { type, media_type, data, url } = source
  if (type === 'base64' && typeof data === 'string') return `data:${String(media_type)};base64,${data}`
  return type === 'url' && typeof url === 'string' ? url : undefined
}
