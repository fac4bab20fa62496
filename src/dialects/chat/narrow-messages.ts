import { isObject } from '../../wire/json/json-body.ts'
import { DIALECT_FIELDS, type Fields } from '../chat-vocabulary.ts'
import { isSealed } from '../sealed-thinking.ts'
import type { CarriedFields } from '../carried-fields.ts'
import type { ChatAbilities } from './chat-abilities.ts'

/** Between texts that were blocks of their own. */
const BETWEEN_TEXTS = '\n\n'

/** The messages of a chat that came from another dialect, as every provider of chat completions takes them. */
export function narrowMessages(
  messages: unknown,
  abilities: ChatAbilities,
  carried: CarriedFields,
): readonly Fields[] {
  const all: readonly unknown[] = Array.isArray(messages) ? messages : []
  const narrowed: Fields[] = []
  let images: Fields[] = []
  for (const message of all) {
    if (!isObject(message)) continue
    // Images stand behind all results of a turn, since nothing may come between the results of one turn.
    if (message['role'] !== 'tool' && images.length > 0) {
      narrowed.push({ role: 'user', content: images })
      images = []
    }
    if (message['role'] === 'tool') images.push(...imagesOf(message['content']))
    const narrow = narrowMessage(message, abilities, carried)
    if (!isEmptied(narrow, message)) narrowed.push(narrow)
  }
  if (images.length > 0) narrowed.push({ role: 'user', content: images })
  return abilities.takesLateSystem ? narrowed : systemFirst(narrowed)
}

/** Whether nothing is left of a message that had only what another dialect has. */
function isEmptied({ role, content, tool_calls, reasoning_details }: Fields, before: Fields): boolean {
  const isBare = content === null || content === '' || (Array.isArray(content) && content.length === 0)
  if (!isBare || role === 'tool' || tool_calls !== undefined || reasoning_details !== undefined) return false
  return Array.isArray(before['content']) || before['reasoning_details'] !== undefined
}

function narrowMessage(message: Fields, abilities: ChatAbilities, carried: CarriedFields): Fields {
  carried.leave(message, 'message')
  const { [DIALECT_FIELDS]: _fields, content_order: _order, is_error, ...known } = message
  const { cache_control, reasoning_details, tool_calls, content, ...rest } = known
  return {
    ...rest,
    content: failed(is_error, narrowContent(message['role'], content, abilities, carried)),
    ...(Array.isArray(tool_calls) ? { tool_calls: tool_calls.map(narrowCall) } : {}),
    ...narrowThoughts(reasoning_details, abilities, carried),
    ...(abilities.takesCacheMarks && cache_control !== undefined ? { cache_control } : {}),
  }
}

/** Thoughts that are sealed belong to another provider, and any to none that takes no thoughts. */
function narrowThoughts(details: unknown, { takesReasoning }: ChatAbilities, carried: CarriedFields): Fields {
  if (!Array.isArray(details)) return {}
  const kept = takesReasoning ? details.filter((detail: unknown) => !isSealedThought(detail)) : []
  if (kept.length < details.length) carried.note('dropped', 'thinking')
  return kept.length === 0 ? {} : { reasoning_details: kept.map(withoutFields) }
}

function withoutFields(detail: unknown): unknown {
  if (!isObject(detail)) return detail
  const { [DIALECT_FIELDS]: _fields, ...rest } = detail
  return rest
}

function isSealedThought(detail: unknown): boolean {
  if (!isObject(detail)) return false
  const { signature, data } = detail
  return [signature, data].some((blob) => typeof blob === 'string' && isSealed(blob))
}

/** The messages of a chat without the thoughts that are sealed, for a provider that did not make them. */
export function withoutSealedThoughts(messages: readonly unknown[]): readonly unknown[] {
  return messages.map((message) => {
    if (!isObject(message) || !Array.isArray(message['reasoning_details'])) return message
    const { reasoning_details: details, ...rest } = message
    const kept = (details as readonly unknown[]).filter((detail) => !isSealedThought(detail))
    return kept.length === 0 ? rest : { ...rest, reasoning_details: kept }
  })
}

function narrowCall(call: unknown): unknown {
  if (!isObject(call)) return call
  const { id, type, function: called } = call
  return { id, type, function: called }
}

/** A chat has no mark for the result of a tool that failed, so that the text says it. */
function failed(isError: unknown, content: unknown): unknown {
  return isError === true && typeof content === 'string' ? `Error: ${content}` : content
}

function narrowContent(
  role: unknown,
  content: unknown,
  abilities: ChatAbilities,
  carried: CarriedFields,
): unknown {
  if (!Array.isArray(content)) return content
  const parts = content.flatMap((part: unknown) =>
    isObject(part) ? narrowPart(part, abilities, carried) : [],
  )
  const shown = role === 'tool' ? parts.filter(isText) : parts
  const isPlain = shown.every(isText) && !shown.some((part) => part['cache_control'] !== undefined)
  if (!isPlain) return shown
  if (shown.length === 0 && role === 'assistant') return null
  const between = role === 'assistant' ? '' : BETWEEN_TEXTS
  return shown.map(({ text }) => String(text)).join(between)
}

function isText({ type }: Fields): boolean {
  return type === 'text'
}

function imagesOf(content: unknown): readonly Fields[] {
  if (!Array.isArray(content)) return []
  return content.flatMap((part: unknown) => {
    if (!isObject(part) || isText(part) || part['type'] === 'dialect_block') return []
    const { [DIALECT_FIELDS]: _fields, cache_control: _mark, ...rest } = part
    return [rest]
  })
}

function narrowPart(
  part: Fields,
  { takesCacheMarks }: ChatAbilities,
  carried: CarriedFields,
): readonly Fields[] {
  if (part['type'] === 'dialect_block') {
    carried.leaveBlock(part)
    const text = textOfBlock(part['block'])
    return text === undefined ? [] : [{ type: 'text', text }]
  }
  carried.leave(part, 'part')
  const { [DIALECT_FIELDS]: _fields, cache_control, ...rest } = part
  if (isText(rest) && rest['text'] === '') return []
  return [takesCacheMarks && cache_control !== undefined ? { ...rest, cache_control } : rest]
}

/** Blocks that say something to any model. */
function textOfBlock(block: unknown): string | undefined {
  if (!isObject(block)) return undefined
  const { type, tool_name: name, title, source, content } = block
  if (type === 'tool_reference') return `The tool ${String(name)} is available.`
  if (type !== 'search_result' || !Array.isArray(content)) return undefined
  const texts = content.flatMap((part: unknown) => (isObject(part) ? [String(part['text'])] : []))
  return [`${String(title)} (${String(source)})`, ...texts].join('\n')
}

/** System messages after the first turn, for providers that take none: the text of the user before, in its place. */
function systemFirst(messages: readonly Fields[]): readonly Fields[] {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer')
  const placed: Fields[] = []
  for (const [at, message] of messages.entries()) {
    if (message['role'] !== 'system' || first === -1 || at < first) placed.push(message)
    else addInstruction(placed, message)
  }
  return placed
}

function addInstruction(placed: Fields[], { content }: Fields): void {
  const text = `<system>\n${String(content)}\n</system>`
  const last = placed.at(-1)
  if (last?.['role'] !== 'user') placed.push({ role: 'user', content: text })
  else if (typeof last['content'] === 'string')
    placed[placed.length - 1] = { ...last, content: last['content'] + BETWEEN_TEXTS + text }
  else if (Array.isArray(last['content']))
    placed[placed.length - 1] = {
      ...last,
      content: [...(last['content'] as readonly unknown[]), { type: 'text', text }],
    }
}
