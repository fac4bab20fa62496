import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'

/** The content of a message as parts. */
export function writeParts(content: unknown, carried: CarriedFields): readonly Fields[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }]
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) => (isObject(part) ? writePart(part, carried) : []))
}

function writePart(part: Fields, carried: CarriedFields): readonly Fields[] {
  if (part['type'] === 'dialect_block') return ownPart(part, carried)
  carried.leave(part, 'part')
  if (part['cache_control'] !== undefined) carried.note('dropped', 'cache_control')
  const own = fieldsOf(part, 'gemini')
  const written = 'fileData' in own ? {} : partOf(part, carried)
  return written === undefined ? [] : [{ ...written, ...own }]
}

function ownPart(part: Fields, carried: CarriedFields): readonly Fields[] {
  if (part['dialect'] === 'gemini' && isObject(part['block'])) return [part['block']]
  carried.leaveBlock(part)
  return []
}

function partOf(part: Fields, carried: CarriedFields): Fields | undefined {
  const { type, text, image_url: image, file, input_audio: audio } = part
  if (type === 'text') return text === '' && !('dialect_fields' in part) ? undefined : { text: text ?? '' }
  const url = isObject(image) ? image['url'] : image
  if (type === 'image_url' && typeof url === 'string')
    return mediaPart(url, 'images by their address', carried)
  if (type === 'file' && isObject(file) && typeof file['file_data'] === 'string')
    return mediaPart(file['file_data'], 'files by their address', carried)
  if (type === 'input_audio' && isObject(audio))
    return { inlineData: { mimeType: `audio/${String(audio['format'])}`, data: audio['data'] } }
  carried.note('refused', `content of the type ${String(type)}`)
  return undefined
}

const DATA_URL = /^data:([^;,]*)(;[^,]*)?;base64,/

/** The bytes of a data URL. What is at any other address is fetched neither by the broker nor, for most addresses, by Google. */
function mediaPart(url: string, name: string, carried: CarriedFields): Fields | undefined {
  const found = DATA_URL.exec(url)
  if (found !== null) return { inlineData: { mimeType: found[1], data: url.slice(found[0].length) } }
  carried.note('refused', name)
  return undefined
}
