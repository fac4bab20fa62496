import { isObject } from '../../../wire/json/json-body.ts'
import { fieldsOf, restAs, type BlockKind, type Fields } from '../../chat-vocabulary.ts'
import { ANTHROPIC_FORMAT } from '../thinking-format.ts'
import { readPart, readParts, textPart } from './parts-in.ts'
import { invalid } from './invalid.ts'

/** The system prompt and the turns as messages of a chat. */
export function readMessages(system: unknown, turns: readonly unknown[]): readonly Fields[] {
  const messages: Fields[] = []
  if (system !== undefined && system !== null)
    messages.push({ role: 'system', content: readText(system, 'system') })
  for (const [at, turn] of turns.entries()) readTurn(turn, at, messages)
  return messages
}

const TURN_FIELDS = new Set(['role', 'content'])

function readTurn(turn: unknown, at: number, messages: Fields[]): void {
  if (!isObject(turn)) throw invalid(`messages.${at}`, 'must be an object')
  const { role, content } = turn
  const path = `messages.${at}.content`
  if (typeof content !== 'string' && !Array.isArray(content)) throw invalid(path, 'Field required')
  const rest = restAs('anthropic', turn, TURN_FIELDS)
  if (role === 'system') messages.push(systemTurn({ content: readText(content, path), ...rest }, messages))
  else if (role === 'assistant') messages.push({ role, ...assistantContent(content, path), ...rest })
  else if (role === 'user') messages.push(...userTurn(content, path, messages.at(-1)))
  else throw invalid(`messages.${at}.role`, 'must be one of user, assistant, system')
}

/** A system message among the turns; where no other turn is before it, it would otherwise pass as the system prompt. */
function systemTurn(message: Fields, before: readonly Fields[]): Fields {
  if (!before.every(({ role }) => role === 'system')) return { role: 'system', ...message }
  const own = fieldsOf(message, 'anthropic')
  return { role: 'system', ...message, dialect_fields: { anthropic: { ...own, is_turn: true } } }
}

/** A change from request to request, which no cache of another provider survives: the first block of Claude Code's system prompt. */
const BILLING_LINE = 'x-anthropic-billing-header:'

function readText(content: unknown, path: string): unknown {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw invalid(path, 'must be a string or a list of text blocks')
  return content.map((block, at) => {
    if (!isObject(block)) throw invalid(`${path}.${at}`, 'must be an object')
    const isText = block['type'] === 'text' && typeof block['text'] === 'string'
    if (!isText || (block['text'] as string).startsWith(BILLING_LINE))
      return { type: 'dialect_block', dialect: 'anthropic', block }
    return textPart(block)
  })
}

/** Results of tools become messages of their own, before what else the turn says. */
function userTurn(
  content: string | readonly unknown[],
  path: string,
  before: Fields | undefined,
): readonly Fields[] {
  // Without the mark, this turn would be joined with the results before it on its way back.
  const isSecond = before?.['role'] === 'tool'
  const mark = isSecond ? { dialect_fields: { anthropic: { is_turn: true } } } : {}
  if (typeof content === 'string') return [{ role: 'user', content, ...mark }]
  const results = content.flatMap((block, at) =>
    isResult(block) ? [toolMessage(block, `${path}.${at}`)] : [],
  )
  const others = content.filter((block) => !isResult(block))
  const rest =
    others.length === 0 && results.length > 0 ? [] : [{ role: 'user', content: readParts(others, path) }]
  const [first, ...more] = [...results, ...rest]
  return first === undefined ? [] : [{ ...first, ...mark }, ...more]
}

function isResult(block: unknown): block is Fields {
  return isObject(block) && block['type'] === 'tool_result'
}

function toolMessage(block: Fields, path: string): Fields {
  const { tool_use_id: id, content, is_error, cache_control } = block
  if (typeof id !== 'string') throw invalid(`${path}.tool_use_id`, 'Field required')
  return {
    role: 'tool',
    tool_call_id: id,
    content: Array.isArray(content) ? readParts(content, `${path}.content`) : (content ?? ''),
    ...(is_error === undefined ? {} : { is_error }),
    ...(cache_control === undefined ? {} : { cache_control }),
  }
}

interface Assistant {
  readonly parts: Fields[]
  readonly reasoning: Fields[]
  readonly calls: Fields[]
  readonly order: BlockKind[]
}

function assistantContent(content: string | readonly unknown[], path: string): Fields {
  if (typeof content === 'string') return { content }
  const all: Assistant = { parts: [], reasoning: [], calls: [], order: [] }
  for (const [at, block] of content.entries()) readBlock(block, `${path}.${at}`, all)
  const { parts, reasoning, calls, order } = all
  return {
    content: parts.length === 0 ? null : parts,
    ...(reasoning.length === 0 ? {} : { reasoning_details: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...(isUsualOrder(order) ? {} : { content_order: order }),
  }
}

function readBlock(block: unknown, path: string, { parts, reasoning, calls, order }: Assistant): void {
  if (!isObject(block)) throw invalid(path, 'must be an object')
  if (block['type'] === 'thinking' || block['type'] === 'redacted_thinking') {
    reasoning.push(reasoningDetail(block, reasoning.length))
    order.push('reasoning')
  } else if (block['type'] === 'tool_use') {
    calls.push(toolCall(block, path))
    order.push('tool_call')
  } else {
    parts.push(readPart(block, path))
    order.push('content')
  }
}

function reasoningDetail({ type, thinking, signature, data }: Fields, index: number): Fields {
  if (type === 'redacted_thinking')
    return { type: 'reasoning.encrypted', data, format: ANTHROPIC_FORMAT, index }
  return {
    type: 'reasoning.text',
    text: thinking ?? '',
    ...(signature === undefined ? {} : { signature }),
    format: ANTHROPIC_FORMAT,
    index,
  }
}

const CALL_FIELDS = new Set(['type', 'id', 'name', 'input', 'cache_control'])

function toolCall(block: Fields, path: string): Fields {
  const { id, name, input, cache_control } = block
  if (typeof id !== 'string') throw invalid(`${path}.id`, 'Field required')
  if (typeof name !== 'string') throw invalid(`${path}.name`, 'Field required')
  return {
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input ?? {}) },
    ...(cache_control === undefined ? {} : { cache_control }),
    ...restAs('anthropic', block, CALL_FIELDS),
  }
}

const RANKS: Readonly<Record<BlockKind, number>> = { reasoning: 0, content: 1, tool_call: 2 }

function isUsualOrder(order: readonly BlockKind[]): boolean {
  return order.every((kind, at) => at === 0 || RANKS[order[at - 1] ?? kind] <= RANKS[kind])
}
