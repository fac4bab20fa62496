import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { finishReasonOut } from '../../finish-reason.ts'
import { inputOf } from '../../../tool-input.ts'
import { signatureOfDetails } from '../signature.ts'

/** What a candidate has besides what was written already. */
export interface CandidateRest {
  /** Functions that were called, with their arguments as text. */
  readonly calls: readonly WrittenCall[]
  /** All thoughts with what is opaque in them. */
  readonly details: readonly Fields[]
  /** Nothing was written yet. */
  readonly isEmpty: boolean
}

export interface WrittenCall {
  readonly id: unknown
  readonly name: string
  readonly arguments: string
}

/** A whole choice as a candidate. */
export function candidateOut(choice: Fields, showsThoughts: boolean): Fields {
  const message = isObject(choice['message']) ? choice['message'] : {}
  const written = partsOut(message, showsThoughts)
  const details = detailsIn(message['reasoning_details'])
  const calls = (Array.isArray(message['tool_calls']) ? message['tool_calls'] : []).flatMap(callOf)
  const parts = [...written, ...lastParts({ calls, details, isEmpty: written.length === 0 })]
  return finished(choice, parts)
}

/** The end of a candidate. */
export function finished(choice: Fields, parts: readonly Fields[]): Fields {
  const { index = 0 } = choice
  return { content: { role: 'model', parts }, finishReason: finishReasonOut(choice), index }
}

/** Thoughts and texts of a message or of a delta. */
export function partsOut(
  { content, refusal, reasoning, reasoning_details: details }: Fields,
  showsThoughts: boolean,
): Fields[] {
  const thought = typeof reasoning === 'string' && reasoning !== '' ? reasoning : thoughtIn(details)
  return [
    ...(showsThoughts && thought !== '' ? [{ text: thought, thought: true }] : []),
    ...textsIn(content),
    ...textsIn(refusal),
  ]
}

function thoughtIn(details: unknown): string {
  return detailsIn(details)
    .map(({ text, summary }) =>
      typeof text === 'string' ? text : typeof summary === 'string' ? summary : '',
    )
    .join('')
}

function textsIn(content: unknown): readonly Fields[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }]
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  return parts.flatMap((part) =>
    isObject(part) && typeof part['text'] === 'string' ? [{ text: part['text'] }] : [],
  )
}

export function detailsIn(details: unknown): readonly Fields[] {
  return (Array.isArray(details) ? details : []).filter(isObject)
}

function callOf(call: unknown): readonly WrittenCall[] {
  if (!isObject(call) || !isObject(call['function'])) return []
  const { name, arguments: text } = call['function']
  return [{ id: call['id'], name: String(name), arguments: typeof text === 'string' ? text : '' }]
}

/**
 * Calls, whole, since Google's clients know no pieces of one. Thoughts that are opaque travel in the signature of the first
 * call, or of an empty text without one. A client may take it for granted that there is a part.
 */
export function lastParts({ calls, details, isEmpty }: CandidateRest): readonly Fields[] {
  const signature = details.some(isOpaque) ? { thoughtSignature: signatureOfDetails(details) } : {}
  const parts = calls.map(({ id, name, arguments: text }, at) => ({
    functionCall: { ...(typeof id === 'string' ? { id } : {}), name, args: inputOf(text) },
    ...(at === 0 ? signature : {}),
  }))
  if (parts.length > 0) return parts
  return isEmpty || 'thoughtSignature' in signature ? [{ text: '', ...signature }] : []
}

function isOpaque({ signature, data }: Fields): boolean {
  return [signature, data].some((blob) => typeof blob === 'string' && blob !== '')
}
