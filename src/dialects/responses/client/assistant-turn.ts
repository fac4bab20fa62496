import { isObject } from '../../../wire/json/json-body.ts'
import { DIALECT_FIELDS, restAs, type BlockKind, type Fields } from '../../chat-vocabulary.ts'
import { opaqueFieldsOf } from '../encrypted-content.ts'
import { OPENAI_FORMAT } from '../openai-format.ts'
import { argumentsOfText, flatName } from '../tool-names.ts'
import { invalid } from './invalid.ts'
import { readParts } from './request/parts-in.ts'

/** Collects the items between two of the user's, which are one message of a chat: thoughts, texts and calls. */
export class AssistantTurn {
  readonly #parts: Fields[] = []
  readonly #reasoning: Fields[] = []
  readonly #calls: Fields[] = []
  readonly #order: BlockKind[] = []

  get isEmpty(): boolean {
    return this.#order.length === 0
  }

  /** A message of the assistant, of which each part is a block. The first remembers how the message was written. */
  addMessage(item: Fields, path: string): void {
    const { content } = item
    const isString = typeof content === 'string'
    if (!isString && !Array.isArray(content)) throw invalid(`${path}.content`, 'it must be a text or a list')
    const parts = isString
      ? [{ type: 'text', text: content }]
      : readParts(content as readonly unknown[], `${path}.content`, 'output')
    const { role: _role, content: _content, ...rest } = item
    const own = { item: { ...rest, ...(isString ? { is_string: true } : {}) } }
    for (const [at, part] of parts.entries())
      this.#add('content', this.#parts, at === 0 ? withOwn(part, own) : part)
  }

  /** An item that only OpenAI has. */
  addOwn(block: Fields): void {
    this.#add('content', this.#parts, { type: 'dialect_block', dialect: 'responses', block })
  }

  addReasoning(item: Fields): void {
    this.#add('reasoning', this.#reasoning, { ...detailOf(item), index: this.#reasoning.length })
  }

  addCall(item: Fields, path: string): void {
    this.#add('tool_call', this.#calls, callOf(item, path))
  }

  message(): Fields {
    return {
      role: 'assistant',
      content: this.#parts.length === 0 ? null : this.#parts,
      ...(this.#reasoning.length === 0 ? {} : { reasoning_details: this.#reasoning }),
      ...(this.#calls.length === 0 ? {} : { tool_calls: this.#calls }),
      ...(isUsualOrder(this.#order) ? {} : { content_order: this.#order }),
    }
  }

  #add(kind: BlockKind, blocks: Fields[], block: Fields): void {
    blocks.push(block)
    this.#order.push(kind)
  }
}

function withOwn(part: Fields, own: Fields): Fields {
  if (part['type'] === 'dialect_block') return { ...part, ...own }
  const all = part[DIALECT_FIELDS]
  const responses = isObject(all) && isObject(all['responses']) ? all['responses'] : {}
  return { ...part, [DIALECT_FIELDS]: { responses: { ...responses, ...own } } }
}

const REASONING_FIELDS = new Set(['type', 'encrypted_content'])

/** A reasoning item as one thought; its own form is kept beside. */
function detailOf(item: Fields): Fields {
  const { encrypted_content: encrypted, id } = item
  const text = thoughtIn(item)
  const rest = restAs('responses', item, REASONING_FIELDS)
  const named = typeof id === 'string' ? { id } : {}
  if (typeof encrypted === 'string' && encrypted !== '')
    return { ...opaqueFieldsOf(encrypted, text), ...named, ...rest }
  return { type: 'reasoning.summary', summary: text, format: OPENAI_FORMAT, ...named, ...rest }
}

/** The text of a reasoning item: all of it where the model shows it, a summary otherwise. */
function thoughtIn({ summary, content }: Fields): string {
  const parts = Array.isArray(content) && content.length > 0 ? content : summary
  return (Array.isArray(parts) ? (parts as readonly unknown[]) : [])
    .flatMap((part) => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('')
}

const CALL_FIELDS = new Set(['type', 'call_id', 'name', 'arguments'])
const CUSTOM_CALL_FIELDS = new Set(['type', 'call_id', 'name', 'input'])

function callOf(item: Fields, path: string): Fields {
  const { type, call_id: id, name, namespace, input, arguments: text } = item
  if (typeof id !== 'string' || id === '') throw invalid(`${path}.call_id`, 'it is required')
  if (typeof name !== 'string') throw invalid(`${path}.name`, 'it is required')
  const isCustom = type === 'custom_tool_call'
  const flat = flatName(name, typeof namespace === 'string' ? namespace : undefined)
  const rest = restAs('responses', item, isCustom ? CUSTOM_CALL_FIELDS : CALL_FIELDS)
  const marks = { ...(isCustom ? { is_custom: true } : {}), ...(flat === name ? {} : { name }) }
  const called = { name: flat, arguments: isCustom ? argumentsOfText(input) : textIn(text) }
  return withMarks({ id, type: 'function', function: called, ...rest }, marks)
}

function withMarks(call: Fields, marks: Fields): Fields {
  return Object.keys(marks).length === 0 ? call : withOwn(call, marks)
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

const RANKS: Readonly<Record<BlockKind, number>> = { reasoning: 0, content: 1, tool_call: 2 }

function isUsualOrder(order: readonly BlockKind[]): boolean {
  return order.every((kind, at) => at === 0 || RANKS[order[at - 1] ?? kind] <= RANKS[kind])
}
