import { isObject } from '../../../wire/json/json-body.ts'
import { isSealed } from '../../sealed-thinking.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { NO_SIGNATURE } from '../gemini-format.ts'

/**
 * Google's clients hand a signature back as it is, but read it as base64. So a seal is sent as base64, and so are the thoughts
 * of other vendors, which Google's clients would otherwise not send back: they travel as JSON in the signature of what follows
 * them.
 */
export type ReadSignature =
  | { readonly type: 'none' }
  | { readonly type: 'sealed'; readonly sealed: string }
  | { readonly type: 'details'; readonly details: readonly Fields[] }

/** What a caller sent back as a signature; what has no seal of ours belongs to another account and is of no use. */
export function readSignature(signature: unknown): ReadSignature {
  if (typeof signature !== 'string' || signature === '' || signature === NO_SIGNATURE) return { type: 'none' }
  const text = Buffer.from(signature, 'base64').toString()
  if (isSealed(text)) return { type: 'sealed', sealed: text }
  const details = text.startsWith('[') ? detailsIn(text) : undefined
  return details === undefined ? { type: 'sealed', sealed: signature } : { type: 'details', details }
}

function detailsIn(text: string): readonly Fields[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every(isObject) ? value : undefined
  } catch {
    return undefined
  }
}

/** A seal as Google's clients take it. */
export function signatureOf(sealed: string): string {
  return Buffer.from(sealed).toString('base64')
}

/** Thoughts of any vendor as a signature. */
export function signatureOfDetails(details: readonly Fields[]): string {
  return signatureOf(JSON.stringify(details))
}
