import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { camelNames, camelObject } from '../../camel-names.ts'
import { invalid } from '../invalid.ts'

/** The parts of a content, their names in one spelling. */
export function partsOf(content: unknown, path: string): readonly Fields[] {
  if (typeof content === 'string') return [{ text: content }]
  const { parts } = camelObject(content)
  if (parts === undefined || parts === null) return []
  const all: readonly unknown[] = Array.isArray(parts) ? parts : [parts]
  return all.map((part, at) => {
    if (typeof part === 'string') return { text: part }
    if (!isObject(part)) throw invalid(`${path}.parts[${at}]`, 'must be an object')
    return camelNames(part)
  })
}

/** A part that is no call, no result and no thought. What only Google has stays as it is. */
export function readPart(part: Fields): Fields {
  const { text, inlineData, fileData, ...rest } = part
  const own = Object.keys(rest).length === 0 ? {} : { dialect_fields: { gemini: rest } }
  if (typeof text === 'string') return { type: 'text', text, ...own }
  if (isObject(inlineData)) return { ...inlinePart(camelNames(inlineData)), ...own }
  if (isObject(fileData)) return filePart(part, camelNames(fileData), own)
  return { type: 'dialect_block', dialect: 'gemini', block: part }
}

/** Formats of sound that a chat has a place for. */
const SOUNDS: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/mp3': 'mp3',
  'audio/mpeg': 'mp3',
}

function inlinePart({ mimeType, data, displayName }: Fields): Fields {
  const type = String(mimeType)
  const url = `data:${type};base64,${String(data)}`
  if (type.startsWith('image/')) return { type: 'image_url', image_url: { url } }
  const format = SOUNDS[type]
  if (format !== undefined) return { type: 'input_audio', input_audio: { data, format } }
  const filename = typeof displayName === 'string' ? displayName : `file.${type.split('/').at(-1) ?? 'bin'}`
  return { type: 'file', file: { filename, file_data: url } }
}

/** An address on the web as the image or the file there; any other is Google's own. */
function filePart(part: Fields, { mimeType, fileUri }: Fields, own: object): Fields {
  const isPublic = typeof fileUri === 'string' && /^https?:/.test(fileUri) && !GOOGLES_OWN.test(fileUri)
  if (!isPublic) return { type: 'dialect_block', dialect: 'gemini', block: part }
  const kept = { dialect_fields: { gemini: { ...fieldsIn(own), fileData: part['fileData'] } } }
  if (String(mimeType).startsWith('image/'))
    return { type: 'image_url', image_url: { url: fileUri }, ...kept }
  return {
    type: 'file',
    file: { filename: fileUri.split('/').at(-1) ?? 'file', file_data: fileUri },
    ...kept,
  }
}

const GOOGLES_OWN = /^https?:\/\/([a-z0-9-]+\.)*(googleapis\.com|youtube\.com|youtu\.be)\//

function fieldsIn(own: { readonly dialect_fields?: { readonly gemini: Fields } }): Fields {
  return own.dialect_fields?.gemini ?? {}
}
