import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'

/** The content of a message as blocks. Anthropic refuses empty texts, so that they are left out. */
export function writeParts(content: unknown, carried: CarriedFields): readonly Fields[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) => (isObject(part) ? writePart(part, carried) : []))
}

function writePart(part: Fields, carried: CarriedFields): readonly Fields[] {
  const { type, cache_control } = part
  if (type === 'dialect_block') return ownBlock(part, carried)
  carried.leave(part, 'part')
  const block = blockOf(part, carried)
  if (block === undefined) return []
  const { document: _document, ...own } = fieldsOf(part, 'anthropic')
  return [{ ...block, ...(cache_control === undefined ? {} : { cache_control }), ...own }]
}

function ownBlock(part: Fields, carried: CarriedFields): readonly Fields[] {
  if (part['dialect'] === 'anthropic' && isObject(part['block'])) return [part['block']]
  carried.leaveBlock(part)
  return []
}

function blockOf(part: Fields, carried: CarriedFields): Fields | undefined {
  const { type, text, image_url: image, file } = part
  if (type === 'text') return textBlock(part, text)
  const url = isObject(image) ? image['url'] : image
  if (type === 'image_url' && typeof url === 'string') return { type: 'image', source: sourceOf(url) }
  if (type === 'file' && isObject(file) && typeof file['file_data'] === 'string')
    return { type: 'document', source: sourceOf(file['file_data']) }
  carried.note('refused', `content of the type ${String(type)}`)
  return undefined
}

function textBlock(part: Fields, text: unknown): Fields | undefined {
  const { document } = fieldsOf(part, 'anthropic')
  if (!isObject(document)) return text === '' ? undefined : { type: 'text', text }
  const { source, ...rest } = document
  return { type: 'document', ...rest, source: { ...(isObject(source) ? source : {}), data: text } }
}

const DATA_URL = /^data:([^;,]*)(;base64)?,/

/** A data URL becomes its bytes; any other address is fetched by Anthropic. */
function sourceOf(url: string): Fields {
  const found = DATA_URL.exec(url)
  if (found === null) return { type: 'url', url }
  return { type: 'base64', media_type: found[1], data: url.slice(found[0].length) }
}
