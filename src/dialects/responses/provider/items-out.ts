import { isObject } from '../../../wire/json/json-body.ts'
import { inOrder } from '../../block-order.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { freeTextIn } from '../tool-names.ts'
import { checkItem } from './billed-fields.ts'
import { callIdOut } from './call-id.ts'
import { writeContent, writePart } from './parts-out.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { writeThoughts } from './thoughts-out.ts'

/** What the messages of a chat are in a request. */
export interface WrittenInput {
  readonly instructions?: unknown
  readonly input: string | readonly Fields[]
}

/** The messages of a chat as items. */
export function writeInput(
  messages: unknown,
  facts: Pick<RequestOutFacts, 'open'>,
  carried: CarriedFields,
): WrittenInput {
  const all = (Array.isArray(messages) ? messages : []).filter(isObject)
  const [first, ...rest] = all
  const isInstructed = first !== undefined && fieldsOf(first, 'responses')['is_instructions'] === true
  const turns = isInstructed ? rest : all
  return {
    ...(isInstructed ? { instructions: first['content'] } : {}),
    input: plainInput(turns) ?? turns.flatMap((message) => writeMessage(message, facts, carried)),
  }
}

/** An input that was written as a text. */
function plainInput([only, ...others]: readonly Fields[]): string | undefined {
  if (only === undefined || others.length > 0 || typeof only['content'] !== 'string') return undefined
  return fieldsOf(only, 'responses')['is_string'] === true ? only['content'] : undefined
}

function writeMessage(
  message: Fields,
  facts: Pick<RequestOutFacts, 'open'>,
  carried: CarriedFields,
): readonly Fields[] {
  carried.leave(message, 'message')
  const { role, content } = message
  if (role === 'assistant') return writeTurn(message, facts, carried)
  if (role === 'tool') return [writeOutput(message, carried)]
  const item = ownItem(message)
  if (item !== undefined) return [checkItem(item, carried)]
  const { is_instructions: _mark, is_string: _string, ...own } = fieldsOf(message, 'responses')
  const written = writeContent(content, carried)
  return Array.isArray(written) && written.length === 0 ? [] : [{ role, content: written, ...own }]
}

/** The item that a message stands for which only OpenAI has. */
function ownItem(message: Fields): Fields | undefined {
  const { content } = message
  if (fieldsOf(message, 'responses')['is_item'] !== true || !Array.isArray(content)) return undefined
  const [part] = content as readonly unknown[]
  return isObject(part) && isObject(part['block']) ? part['block'] : undefined
}

function writeOutput(message: Fields, carried: CarriedFields): Fields {
  const { tool_call_id: id, content, is_error } = message
  const { is_custom, ...own } = fieldsOf(message, 'responses')
  const output = writeContent(content, carried)
  return {
    type: is_custom === true ? 'custom_tool_call_output' : 'function_call_output',
    call_id: callIdOut(id),
    output: is_error === true && typeof output === 'string' ? `Error: ${output}` : output,
    ...own,
  }
}

/** A part of a message that is not yet in an item. */
const PART = 'part'

function writeTurn(
  message: Fields,
  facts: Pick<RequestOutFacts, 'open'>,
  carried: CarriedFields,
): readonly Fields[] {
  const { content, reasoning_details: details, tool_calls: calls } = message
  const blocks = inOrder(message['content_order'], {
    reasoning: writeThoughts(details, facts, carried),
    content: partsIn(content).map((part) => ({ [PART]: part })),
    tool_call: (Array.isArray(calls) ? calls : []).flatMap((call: unknown) =>
      isObject(call) ? writeCall(call) : [],
    ),
  })
  const items: Fields[] = []
  let texts: Fields[] | undefined
  for (const block of blocks) {
    const part = block[PART]
    if (!isObject(part)) {
      texts = undefined
      items.push(block)
    } else if (part['type'] === 'dialect_block' && part['item'] === undefined) {
      texts = undefined
      items.push(...writePart(part, 'output_text', carried))
    } else {
      const { item } = { ...fieldsOf(part, 'responses'), ...part }
      const written = writePart(part, 'output_text', carried)
      if (texts === undefined || isObject(item)) {
        texts = []
        items.push(messageItem(item, texts, part))
      }
      texts.push(...written)
    }
  }
  return items.filter(({ content: all }) => !Array.isArray(all) || all.length > 0)
}

function partsIn(content: unknown): readonly Fields[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  return (Array.isArray(content) ? content : []).filter(isObject)
}

function messageItem(item: unknown, content: readonly Fields[], part: Fields): Fields {
  const { is_string, ...own } = isObject(item) ? item : {}
  return { role: 'assistant', content: is_string === true ? part['text'] : content, ...own }
}

function writeCall(call: Fields): readonly Fields[] {
  const { id, function: called } = call
  if (!isObject(called)) return []
  const { is_custom, ...own } = fieldsOf(call, 'responses')
  const { name, arguments: text } = called
  const content =
    is_custom === true
      ? { type: 'custom_tool_call', input: freeTextIn(String(text)) }
      : { type: 'function_call', arguments: typeof text === 'string' && text !== '' ? text : '{}' }
  return [{ call_id: callIdOut(id), name, ...content, ...own }]
}
