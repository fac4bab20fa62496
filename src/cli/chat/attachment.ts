import { readFile, stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'

import { BrokerError } from '../../base/errors.ts'

/** A content part of a message in OpenAI's and OpenRouter's chat APIs. */
export type ContentPart = { readonly type: string; readonly [field: string]: unknown }

/** A file that is sent with a message. */
export interface Attachment {
  readonly name: string
  readonly part: ContentPart
}

const MAX_BYTES = 20 * 1024 * 1024

const IMAGES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
}

const SOUNDS: readonly string[] = ['.wav', '.mp3']

/** Reads an image, a PDF, a sound or a text, up to 20 MB. Throws `not-found`, `too-large`, `unsupported-media`. */
export async function readAttachment(path: string): Promise<Attachment> {
  const bytes = await readBounded(path)
  const name = basename(path)
  return { name, part: partOf(name, bytes) }
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw new BrokerError('too-large', `${path} is larger than 20 MB`)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause
    throw new BrokerError('not-found', `can’t read ${path}: ${failureReason(cause)}`, { cause })
  }
}

function failureReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause ? String(cause.code) : ''
  return REASONS[code] ?? cause.message
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user has no permission to read it',
  EISDIR: 'it is a folder',
}

function partOf(name: string, bytes: Buffer): ContentPart {
  const ending = extname(name).toLowerCase()
  const image = IMAGES[ending]
  const base64 = (): string => bytes.toString('base64')
  if (image !== undefined)
    return { type: 'image_url', image_url: { url: `data:${image};base64,${base64()}` } }
  if (ending === '.pdf')
    return { type: 'file', file: { filename: name, file_data: `data:application/pdf;base64,${base64()}` } }
  if (SOUNDS.includes(ending))
    return { type: 'input_audio', input_audio: { data: base64(), format: ending.slice(1) } }
  return { type: 'text', text: `${name}:\n\n${textOf(name, bytes)}` }
}

function textOf(name: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const known = [...Object.keys(IMAGES), '.pdf', ...SOUNDS].join(', ')
    throw new BrokerError('unsupported-media', `${name} is neither text nor one of ${known}`, { cause })
  }
}
