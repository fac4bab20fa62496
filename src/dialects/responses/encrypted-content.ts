import type { Fields } from '../chat-vocabulary.ts'
import { OPENAI_FORMAT } from './openai-format.ts'

/** `format:kind:blob` of what was not made by OpenAI. */
const NAMED = /^([\w.-]{1,40}):(signature|data):/

/** What is opaque in a thought, as `encrypted_content`: clients send it back as it is, whatever its maker. */
export function encryptedContentOf({ data, signature, format }: Fields): string | undefined {
  const kind = typeof data === 'string' && data !== '' ? 'data' : 'signature'
  const blob = kind === 'data' ? data : signature
  if (typeof blob !== 'string' || blob === '') return undefined
  if (kind === 'data' && (format === OPENAI_FORMAT || typeof format !== 'string')) return blob
  return `${typeof format === 'string' ? format : OPENAI_FORMAT}:${kind}:${blob}`
}

/** The fields of a thought with this `encrypted_content`, in OpenRouter's words. */
export function opaqueFieldsOf(encrypted: string, text: string): Fields {
  const found = NAMED.exec(encrypted)
  if (found === null) return { type: 'reasoning.encrypted', data: encrypted, format: OPENAI_FORMAT }
  const [mark, format, kind] = found
  const blob = encrypted.slice(mark.length)
  return kind === 'data'
    ? { type: 'reasoning.encrypted', data: blob, format }
    : { type: 'reasoning.text', text, signature: blob, format }
}
