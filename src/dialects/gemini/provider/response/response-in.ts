import { createHash } from 'node:crypto'
import { isObject } from '../../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../../wire/openai/chat.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { signatureOf } from '../../client/signature.ts'
import { finishReasons, isFailure } from '../../finish-reason.ts'
import { GEMINI_FORMAT } from '../../gemini-format.ts'
import { usageIn } from '../../usage.ts'

/** What the reading of a response depends on. */
export interface ResponseFacts {
  /** Seals what the model signed, before a caller gets it. */
  readonly seal: (blob: string) => string
  /** The caller speaks the dialect, too, and gets all that the provider sent. */
  readonly keepsOriginal: boolean
  /** Unguessable: what ids of calls are made of that come without one. */
  readonly seed: string
}

/** What has been read of one candidate. */
export interface CandidateState {
  calls: number
  thoughts: number
}

/** The parts of a candidate as a delta; `undefined` for nothing. */
export function readParts(parts: unknown, state: CandidateState, facts: ResponseFacts): Fields | undefined {
  const read: Read = { texts: [], thoughts: [], details: [], calls: [] }
  for (const part of (Array.isArray(parts) ? parts : []).filter(isObject))
    readPart(part, read, { state, facts })
  const { texts, thoughts, details, calls } = read
  if (texts.length + thoughts.length + details.length + calls.length === 0) return undefined
  return {
    ...(texts.length === 0 ? {} : { content: texts.join('') }),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('') }),
    ...(details.length === 0 ? {} : { reasoning_details: details }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

interface Read {
  readonly texts: string[]
  readonly thoughts: string[]
  readonly details: Fields[]
  readonly calls: Fields[]
}

interface Reading {
  readonly state: CandidateState
  readonly facts: ResponseFacts
}

function readPart(part: Fields, read: Read, { state, facts }: Reading): void {
  const { text, thought, thoughtSignature: signature, functionCall } = part
  const signed = typeof signature === 'string' && signature !== '' ? facts.seal(signature) : undefined
  if (thought === true) {
    const shown = typeof text === 'string' ? text : ''
    read.thoughts.push(shown)
    read.details.push({
      type: 'reasoning.text',
      text: shown,
      ...(signed === undefined ? {} : { signature: signed }),
      format: GEMINI_FORMAT,
      index: state.thoughts,
    })
    return
  }
  const call = isObject(functionCall) ? toolCall(functionCall, state, facts) : undefined
  if (call !== undefined) read.calls.push(call)
  else if (typeof text === 'string' && text !== '') read.texts.push(text)
  if (signed === undefined) return
  state.thoughts++
  const of = call === undefined ? {} : { id: call['id'] }
  read.details.push({
    type: 'reasoning.encrypted',
    data: signed,
    format: GEMINI_FORMAT,
    ...of,
    index: state.thoughts++,
  })
}

function toolCall({ id, name, args }: Fields, state: CandidateState, { seed }: ResponseFacts): Fields {
  const index = state.calls++
  const ownId = typeof id === 'string' && id !== '' ? id : callId(seed, index)
  return { index, id: ownId, type: 'function', function: { name, arguments: JSON.stringify(args ?? {}) } }
}

function callId(seed: string, index: number): string {
  return `call_${createHash('sha256').update(`${seed}\0${index}`).digest('hex').slice(0, 24)}`
}

/** A response with its signatures sealed, as Google's clients take them. */
export function sealResponse(response: Fields, facts: ResponseFacts): Fields {
  const { candidates } = response
  if (!Array.isArray(candidates)) return response
  return {
    ...response,
    candidates: candidates.filter(isObject).map((candidate) => sealCandidate(candidate, facts)),
  }
}

function sealCandidate(candidate: Fields, { seal }: ResponseFacts): Fields {
  const { content } = candidate
  if (!isObject(content) || !Array.isArray(content['parts'])) return candidate
  const parts = content['parts'].filter(isObject).map((part) => {
    const { thoughtSignature: signature } = part
    return typeof signature === 'string' && signature !== ''
      ? { ...part, thoughtSignature: signatureOf(seal(signature)) }
      : part
  })
  return { ...candidate, content: { ...content, parts } }
}

/** A whole response as a chat's. */
export function readResponse(response: Fields, facts: ResponseFacts): ChatChunk {
  const { candidates, promptFeedback, usageMetadata, responseId } = response
  const all = (Array.isArray(candidates) ? candidates : []).filter(isObject)
  const choices =
    all.length === 0 ? [blockedChoice(promptFeedback, 'message')] : all.map((one) => choiceOf(one, facts))
  return {
    id: responseId,
    object: 'chat.completion',
    choices,
    usage: usageIn(isObject(usageMetadata) ? usageMetadata : {}),
    ...(facts.keepsOriginal
      ? { dialect_fields: { gemini: { response: sealResponse(response, facts) } } }
      : {}),
  }
}

function choiceOf(candidate: Fields, facts: ResponseFacts): Fields {
  const state = { calls: 0, thoughts: 0 }
  const { content, finishReason, index = 0 } = candidate
  const read = readParts(isObject(content) ? content['parts'] : undefined, state, facts) ?? {}
  const message = { role: 'assistant', content: null, ...read }
  return { index, message, ...finishReasons(finishReason, state.calls > 0) }
}

/** A prompt that was blocked has no candidates. */
export function blockedChoice(feedback: unknown, field: 'message' | 'delta'): Fields {
  const reason = isObject(feedback) ? feedback['blockReason'] : undefined
  const content = field === 'message' ? { role: 'assistant', content: null } : {}
  const native = typeof reason === 'string' ? reason : 'OTHER'
  return { index: 0, [field]: content, finish_reason: 'content_filter', native_finish_reason: native }
}

/** The reason with which a candidate failed; `undefined` for none. */
export function failureIn({ candidates }: Fields): string | undefined {
  const failed = (Array.isArray(candidates) ? candidates : [])
    .filter(isObject)
    .find(({ finishReason }) => isFailure(finishReason))
  return failed === undefined ? undefined : String(failed['finishReason'])
}
