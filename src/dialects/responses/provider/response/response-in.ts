import { isObject } from '../../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../../wire/openai/chat.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { OPENAI_FORMAT } from '../../openai-format.ts'
import { argumentsOfText, flatName } from '../../tool-names.ts'
import { usageIn } from './usage-in.ts'

/** What the reading of a response depends on. */
export interface ResponseFacts {
  /** Seals what the model encrypted, before a caller gets it. */
  seal(blob: string): string
  /** The caller speaks the dialect, too, and gets all that the provider sent. */
  readonly keepsOriginal: boolean
}

/** A whole response as a chat's. */
export function readResponse(response: Fields, facts: ResponseFacts): ChatChunk {
  const items = outputOf(response)
  const message = chatMessage(items, facts)
  const usage = usageIn(response['usage'])
  const original = { response: sealResponse(response, facts) }
  return {
    id: response['id'],
    object: 'chat.completion',
    choices: [{ index: 0, message, ...finishReasons(response, 'tool_calls' in message) }],
    ...(usage === undefined ? {} : { usage }),
    ...(facts.keepsOriginal ? { dialect_fields: { responses: original } } : {}),
  }
}

function outputOf({ output }: Fields): readonly Fields[] {
  return (Array.isArray(output) ? output : []).filter(isObject)
}

function chatMessage(items: readonly Fields[], facts: ResponseFacts): Fields {
  const parts = items
    .filter(({ type }) => type === 'message')
    .flatMap(({ content }) => (Array.isArray(content) ? content : []).filter(isObject))
  const text = parts.flatMap((part) => (typeof part['text'] === 'string' ? [part['text']] : [])).join('')
  const refusal = parts.flatMap((part) => (typeof part['refusal'] === 'string' ? [part['refusal']] : []))
  const thoughts = items.filter(({ type }) => type === 'reasoning')
  const details = thoughts.flatMap((item, index) => thoughtDetails(item, index, facts))
  const calls = items.filter(isCall).map((item, index) => ({ index, ...callIn(item) }))
  return {
    role: 'assistant',
    content: text === '' && (calls.length > 0 || refusal.length > 0) ? null : text,
    ...(refusal.length === 0 ? {} : { refusal: refusal.join('') }),
    ...(details.length === 0
      ? {}
      : { reasoning: thoughts.map(thoughtText).join(''), reasoning_details: details }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

export function isCall({ type }: Fields): boolean {
  return type === 'function_call' || type === 'custom_tool_call'
}

/** A call as one of a chat, whole. */
export function callIn(item: Fields): Fields {
  const { type, call_id: id, input, arguments: text } = item
  const whole = type === 'custom_tool_call' ? argumentsOfText(input) : text
  return { id, type: 'function', function: { name: callName(item), arguments: whole ?? '' } }
}

export function callName({ name, namespace }: Fields): string {
  return flatName(String(name), typeof namespace === 'string' ? namespace : undefined)
}

/** The text of a thought, from its content where the model shows it. */
export function thoughtText({ summary, content }: Fields): string {
  const shown: unknown = Array.isArray(content) && content.length > 0 ? content : summary
  return (Array.isArray(shown) ? (shown as readonly unknown[]) : [])
    .flatMap((part) => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('\n\n')
}

function thoughtDetails(item: Fields, index: number, facts: ResponseFacts): readonly Fields[] {
  const summary = thoughtText(item)
  const shown = summary === '' ? [] : [{ type: 'reasoning.summary', summary, format: OPENAI_FORMAT, index }]
  return [...shown, ...opaqueDetails(item, index, facts)]
}

/** What is opaque in a thought, as one of OpenRouter's `reasoning_details`, sealed. */
export function opaqueDetails(item: Fields, index: number, facts: ResponseFacts): readonly Fields[] {
  const { encrypted_content: blob, id } = item
  if (typeof blob !== 'string' || blob === '') return []
  return [{ type: 'reasoning.encrypted', data: facts.seal(blob), id, format: OPENAI_FORMAT, index }]
}

/** An item with what is opaque in it sealed. */
export function sealItem(item: Fields, facts: ResponseFacts): Fields {
  const { type, encrypted_content: blob } = item
  const isOpaque = type === 'reasoning' && typeof blob === 'string' && blob !== ''
  return isOpaque ? { ...item, encrypted_content: facts.seal(blob) } : item
}

export function sealResponse(response: Fields, facts: ResponseFacts): Fields {
  return { ...response, output: outputOf(response).map((item) => sealItem(item, facts)) }
}

/** Both finish reasons of a choice. */
export function finishReasons({ status, incomplete_details: details }: Fields, hasCalls: boolean): Fields {
  const reason = isObject(details) ? details['reason'] : undefined
  if (status !== 'incomplete')
    return { finish_reason: hasCalls ? 'tool_calls' : 'stop', native_finish_reason: 'completed' }
  const finish_reason = reason === 'content_filter' ? 'content_filter' : 'length'
  return { finish_reason, native_finish_reason: typeof reason === 'string' ? reason : 'incomplete' }
}
