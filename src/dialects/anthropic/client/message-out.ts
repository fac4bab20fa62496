import { isObject } from '../../../wire/json/json-body.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import type { EncoderFacts } from '../../client-dialect.ts'
import { inOrder } from '../../block-order.ts'
import { inputOf } from '../../tool-input.ts'
import { ANTHROPIC_FORMAT } from '../thinking-format.ts'
import { stopOf } from './stop-reason.ts'
import { usageOut } from './usage-out.ts'
import { objectIn } from '../../read-fields.ts'

/** The id of a message, made of the id of the request. */
export function messageId(id: string): string {
  return `msg_${id.replace(/^gen-/, '')}`
}

/** A whole response as a message. */
export function messageOut(response: Fields, { id, model }: EncoderFacts): Fields {
  const choices: readonly unknown[] = Array.isArray(response['choices']) ? response['choices'] : []
  const choice = isObject(choices[0]) ? choices[0] : {}
  const message = isObject(choice['message']) ? choice['message'] : {}
  const original = fieldsOf(response, 'anthropic')['message']
  const content =
    isObject(original) && Array.isArray(original['content']) ? original['content'] : contentOut(message)
  const hasCalls = content.some((block: unknown) => isObject(block) && block['type'] === 'tool_use')
  return {
    ...(isObject(original) ? original : { type: 'message', role: 'assistant', container: null }),
    id: messageId(id),
    model,
    content,
    ...stopOf(choice, hasCalls),
    usage:
      isObject(original) && isObject(original['usage'])
        ? original['usage']
        : usageOut(objectIn(response['usage'])),
    ...(response['x_aibroker'] === undefined ? {} : { x_aibroker: response['x_aibroker'] }),
  }
}

/** The blocks of an assistant's message. Empty texts are left out: Anthropic refuses them when they come back. */
function contentOut(message: Fields): readonly Fields[] {
  return inOrder(message['content_order'], {
    reasoning: reasoningBlocks(message),
    content: textBlocks(message),
    tool_call: callBlocks(message['tool_calls']),
  })
}

function reasoningBlocks({ reasoning, reasoning_details: details }: Fields): Fields[] {
  if (Array.isArray(details))
    return details.flatMap((detail: unknown): readonly Fields[] =>
      isObject(detail) ? [thinkingBlock(detail)] : [],
    )
  return typeof reasoning === 'string' && reasoning !== '' ? [{ type: 'thinking', thinking: reasoning }] : []
}

/** What another vendor's model encrypted travels as the signature of an empty thought, which clients return as it is. */
function thinkingBlock({ type, text, summary, signature, data, format }: Fields): Fields {
  if (type === 'reasoning.encrypted' && format === ANTHROPIC_FORMAT)
    return { type: 'redacted_thinking', data }
  if (type === 'reasoning.encrypted') return { type: 'thinking', thinking: '', signature: data }
  const thinking = typeof text === 'string' ? text : typeof summary === 'string' ? summary : ''
  return {
    type: 'thinking',
    thinking,
    ...(typeof signature === 'string' && signature !== '' ? { signature } : {}),
  }
}

function textBlocks({ content, refusal }: Fields): Fields[] {
  const parts: readonly unknown[] = Array.isArray(content) ? content : [{ type: 'text', text: content }]
  const texts = parts.flatMap((part) => (isObject(part) ? blockOfPart(part) : []))
  return typeof refusal === 'string' && refusal !== ''
    ? [...texts, { type: 'text', text: refusal, citations: null }]
    : texts
}

function blockOfPart(part: Fields): readonly Fields[] {
  if (part['type'] === 'dialect_block' && part['dialect'] === 'anthropic' && isObject(part['block']))
    return [part['block']]
  const { text } = part
  return typeof text === 'string' && text !== '' ? [{ type: 'text', text, citations: null }] : []
}

function callBlocks(calls: unknown): Fields[] {
  return (Array.isArray(calls) ? calls : []).flatMap((call: unknown) => {
    if (!isObject(call) || !isObject(call['function'])) return []
    const { name, arguments: text } = call['function']
    return [{ type: 'tool_use', id: call['id'], name, input: inputOf(text) }]
  })
}
