import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'

/** The content of a message as parts; a text stays one. */
export function writeContent(content: unknown, carried: CarriedFields): unknown {
  if (typeof content === 'string') return content
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) => (isObject(part) ? writePart(part, 'input_text', carried) : []))
}

/** @param textType what a text is called on this side. */
export function writePart(part: Fields, textType: string, carried: CarriedFields): readonly Fields[] {
  if (part['type'] === 'dialect_block') {
    if (part['dialect'] === 'responses' && isObject(part['block'])) return [part['block']]
    carried.leaveBlock(part)
    return []
  }
  carried.leave(part, 'part')
  const written = partOf(part, textType, carried)
  if (written === undefined) return []
  const { item: _item, is_refusal: _refusal, is_url: _url, ...own } = fieldsOf(part, 'responses')
  return [{ ...written, ...own }]
}

function partOf(part: Fields, textType: string, carried: CarriedFields): Fields | undefined {
  const { type, text, image_url: image, file, refusal } = part
  const { is_refusal, is_url } = fieldsOf(part, 'responses')
  if (type === 'refusal') return { type, refusal }
  if (type === 'text')
    return is_refusal === true ? { type: 'refusal', refusal: text } : { type: textType, text }
  if (type === 'input_audio') return part
  if (type === 'image_url') return imageOf(image)
  if (type === 'file' && isObject(file) && typeof file['file_data'] === 'string')
    return fileOf(file, is_url === true || /^https?:/.test(file['file_data']))
  carried.note('refused', `content of the type ${String(type)}`)
  return undefined
}

function imageOf(image: unknown): Fields {
  if (!isObject(image)) return { type: 'input_image', image_url: image }
  const { url, detail } = image
  return { type: 'input_image', image_url: url, ...(detail === undefined ? {} : { detail }) }
}

function fileOf({ filename, file_data }: Fields, isUrl: boolean): Fields {
  const named = typeof filename === 'string' ? { filename } : {}
  return { type: 'input_file', ...named, ...(isUrl ? { file_url: file_data } : { file_data }) }
}
