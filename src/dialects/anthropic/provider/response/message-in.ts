import { isObject } from '../../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../../wire/openai/chat.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import { ANTHROPIC_FORMAT } from '../../thinking-format.ts'
import { finishReasons } from './finish-reason.ts'
import { usageIn } from './usage-in.ts'

/** What the reading of a response depends on. */
export interface ResponseFacts {
  /** Seals what the model signed or encrypted, before a caller gets it. */
  seal(blob: string): string
  /** The caller speaks the dialect, too, and gets all that the provider sent. */
  readonly keepsOriginal: boolean
}

/** A message as a chat's response. */
export function readMessage(message: Fields, facts: ResponseFacts): ChatChunk {
  const blocks = (Array.isArray(message['content']) ? message['content'] : []).filter(isObject)
  const { stop_sequence, stop_details } = message
  const original = { message: { ...message, content: blocks.map((block) => sealBlock(block, facts)) } }
  return {
    id: message['id'],
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: chatMessage(blocks, facts),
        ...finishReasons(message['stop_reason']),
        ...(facts.keepsOriginal ? { dialect_fields: { anthropic: { stop_sequence, stop_details } } } : {}),
      },
    ],
    usage: usageIn(isObject(message['usage']) ? message['usage'] : {}),
    ...(facts.keepsOriginal ? { dialect_fields: { anthropic: original } } : {}),
  }
}

function chatMessage(blocks: readonly Fields[], facts: ResponseFacts): Fields {
  const texts = blocks.flatMap(({ type, text }) =>
    type === 'text' && typeof text === 'string' ? [text] : [],
  )
  const details = blocks.filter(isThought).map((block, index) => thoughtDetail(block, index, facts))
  const thoughts = blocks.flatMap(({ type, thinking }) =>
    type === 'thinking' ? [typeof thinking === 'string' ? thinking : ''] : [],
  )
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toolCall)
  return {
    role: 'assistant',
    content: texts.length === 0 ? null : texts.join(''),
    ...(details.length === 0 ? {} : { reasoning: thoughts.join(''), reasoning_details: details }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

function isThought({ type }: Fields): boolean {
  return type === 'thinking' || type === 'redacted_thinking'
}

/** A thought as one of OpenRouter's `reasoning_details`, sealed. */
export function thoughtDetail(block: Fields, index: number, { seal }: Pick<ResponseFacts, 'seal'>): Fields {
  const { type, thinking, signature, data } = block
  if (type === 'redacted_thinking')
    return { type: 'reasoning.encrypted', data: seal(String(data)), format: ANTHROPIC_FORMAT, index }
  return {
    type: 'reasoning.text',
    text: thinking ?? '',
    ...(typeof signature === 'string' && signature !== '' ? { signature: seal(signature) } : {}),
    format: ANTHROPIC_FORMAT,
    index,
  }
}

/** A block with what is opaque in it sealed. */
export function sealBlock(block: Fields, { seal }: Pick<ResponseFacts, 'seal'>): Fields {
  const { type, signature, data } = block
  if (type === 'redacted_thinking') return { ...block, data: seal(String(data)) }
  const isSigned = type === 'thinking' && typeof signature === 'string' && signature !== ''
  return isSigned ? { ...block, signature: seal(signature) } : block
}

function toolCall({ id, name, input }: Fields, index: number): Fields {
  return { index, id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) } }
}
