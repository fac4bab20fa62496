import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { GEMINI_FORMAT, NO_SIGNATURE } from '../gemini-format.ts'
import { checksSignatures, type RequestOutFacts } from './request-out-facts.ts'

type Opener = Pick<RequestOutFacts, 'open'>

/** The thoughts of a message for their maker. */
export interface WrittenThoughts {
  /** What was shown of them, as parts of their own. */
  readonly parts: readonly Fields[]
  /** By the id of the call that they belong to. */
  readonly ofCalls: ReadonlyMap<unknown, string>
  /** Those that name no call, in order. */
  readonly others: readonly string[]
}

/** Thoughts go back to their maker alone: what another model or another key made is left out. */
export function writeThoughts(details: unknown, opener: Opener, carried: CarriedFields): WrittenThoughts {
  const parts: Fields[] = []
  const ofCalls = new Map<unknown, string>()
  const others: string[] = []
  for (const detail of (Array.isArray(details) ? details : []).filter(isObject)) {
    const { type, text, signature, data, format, id } = detail
    const sealed = type === 'reasoning.encrypted' ? data : signature
    const opened = typeof sealed === 'string' ? opener.open(sealed) : undefined
    if (
      type === 'reasoning.text' &&
      format === GEMINI_FORMAT &&
      (sealed === undefined || opened !== undefined)
    )
      parts.push({
        text: text ?? '',
        thought: true,
        ...(opened === undefined ? {} : { thoughtSignature: opened }),
        ...fieldsOf(detail, 'gemini'),
      })
    else if (opened === undefined) carried.note('dropped', 'thinking')
    else if (typeof id === 'string') ofCalls.set(id, opened)
    else others.push(opened)
  }
  return { parts, ofCalls, others }
}

/** Signatures on the parts that they belong to: opened for their maker, and left out otherwise. */
export function openSignatures(
  parts: readonly Fields[],
  opener: Opener,
  carried: CarriedFields,
): readonly Fields[] {
  return parts.map((part) => {
    const { thoughtSignature: sealed, ...rest } = part
    if (sealed === undefined || sealed === NO_SIGNATURE) return part
    const opened = typeof sealed === 'string' ? opener.open(sealed) : undefined
    if (opened === undefined) carried.note('dropped', 'thoughtSignature')
    return opened === undefined ? rest : { ...rest, thoughtSignature: opened }
  })
}

/** A signature that names no call belongs to the first call, or else to the last part. */
export function placeSignatures(parts: readonly Fields[], others: readonly string[]): readonly Fields[] {
  const [signature] = others
  if (signature === undefined) return parts
  const first = parts.findIndex(isCall)
  const at = first < 0 ? parts.findLastIndex(({ thought }) => thought !== true) : first
  if (at < 0) return [...parts, { text: '', thoughtSignature: signature }]
  return parts.map((part, nth) => (nth === at ? { thoughtSignature: signature, ...part } : part))
}

function isCall({ functionCall }: Fields): boolean {
  return isObject(functionCall)
}

/** In the current turn, which the last content of a user without results began, the first call of each step must have a signature. */
export function fillSignatures(contents: readonly Fields[], modelId: string): readonly Fields[] {
  if (!checksSignatures(modelId)) return contents
  const from = contents.findLastIndex(isUserTurn)
  return contents.map((content, at) =>
    at > from && content['role'] === 'model' ? withSignature(content) : content,
  )
}

function isUserTurn({ role, parts }: Fields): boolean {
  return role === 'user' && !partsIn(parts).some((part) => isObject(part['functionResponse']))
}

function partsIn(parts: unknown): readonly Fields[] {
  return (Array.isArray(parts) ? parts : []).filter(isObject)
}

function withSignature(content: Fields): Fields {
  const parts = partsIn(content['parts'])
  const first = parts.findIndex(isCall)
  const call = parts[first]
  if (call === undefined || typeof call['thoughtSignature'] === 'string') return content
  return { ...content, parts: parts.with(first, { ...call, thoughtSignature: NO_SIGNATURE }) }
}
