import { createHash } from 'node:crypto'
import { isObject } from '../../../wire/json/json-body.ts'
import type { MessageRules } from '../../request-rules/request-rules.ts'

type Fields = Readonly<Record<string, unknown>>

/** Puts messages into the words of a vendor. Returns the same array when nothing has to change. */
export function changeMessages(messages: readonly unknown[], rules: MessageRules): readonly unknown[] {
  const names = rules.needsToolName === true ? toolNames(messages) : undefined
  let changed: unknown[] | undefined
  for (const [at, message] of messages.entries()) {
    if (!isObject(message)) continue
    const theirs = changeMessage(message, rules, names)
    if (theirs !== message) (changed ??= [...messages])[at] = theirs
  }
  const taken = rules.refusesEmpty === true ? withoutEmpty(changed ?? messages) : (changed ?? messages)
  const renamed = rules.systemFirst === true ? joinSystem(taken) : taken
  if (rules.order === 'alternating') return joinAdjacent(renamed)
  return rules.order === 'assistant-after-tool' ? separateToolsFromUser(renamed) : renamed
}

function changeMessage(
  message: Fields,
  rules: MessageRules,
  names: ReadonlyMap<string, string> | undefined,
): Fields {
  const { role } = message
  const changes: Record<string, unknown> = {}
  const known = typeof role === 'string' ? rules.roles?.[role] : undefined
  if (known !== undefined) changes['role'] = known
  for (const name of rules.refusedFields ?? []) if (name in message) changes[name] = undefined
  if (role === 'assistant') changeAssistant(message, rules, changes)
  if (role === 'tool') changeToolResult(message, rules, names, changes)
  const text =
    rules.textRoles?.includes(String(known ?? role)) === true ? joinedText(message['content']) : undefined
  if (text !== undefined) changes['content'] = text
  return withChanges(message, changes)
}

function withChanges(message: Fields, changes: Fields): Fields {
  for (const _any in changes) return { ...message, ...changes }
  return message
}

function changeAssistant(message: Fields, rules: MessageRules, changes: Record<string, unknown>): void {
  const { assistantFields, thoughts } = rules
  for (const name in message) {
    const isTaken = assistantFields === undefined || assistantFields.includes(name)
    const isNull = message[name] === null && name !== 'content'
    if ((!isTaken && name !== thoughts) || isNull) changes[name] = undefined
  }
  const calls = message['tool_calls']
  const hasCalls = Array.isArray(calls) && calls.length > 0
  if (thoughts !== undefined) changeThoughts(message, thoughts, needsThoughts(rules, hasCalls), changes)
  changeEmptyContent(message, rules, hasCalls, changes)
  if (!Array.isArray(calls) || 'tool_calls' in changes) return
  const theirs = calls.map((call: unknown) => (isObject(call) ? changeCall(call, rules) : call))
  if (theirs.some((call, at) => call !== calls[at])) changes['tool_calls'] = theirs
  // An empty list is refused by several vendors.
  if (!hasCalls) changes['tool_calls'] = undefined
}

function needsThoughts({ needsThoughts: needed }: MessageRules, hasCalls: boolean): boolean {
  return needed === 'of-all' || (needed === 'of-calls' && hasCalls)
}

function changeEmptyContent(
  { content }: Fields,
  { emptyContent: theirs }: MessageRules,
  hasCalls: boolean,
  changes: Record<string, unknown>,
): void {
  if (!isEmptyContent(content)) return
  // Only calls may come without any text: https://github.com/vercel/ai/pull/13744.
  const text = hasCalls ? theirs : ''
  if (text !== undefined && content !== text) changes['content'] = text
}

function isEmptyContent(content: unknown): boolean {
  return (content ?? '') === '' || (Array.isArray(content) && content.length === 0)
}

/** Without messages of the assistant that have neither text nor calls. */
function withoutEmpty(messages: readonly unknown[]): readonly unknown[] {
  const kept = messages.filter(
    (message) =>
      !isObject(message) ||
      message['role'] !== 'assistant' ||
      message['tool_calls'] !== undefined ||
      !isEmptyContent(message['content']),
  )
  return kept.length === messages.length ? messages : kept
}

function changeThoughts(
  message: Fields,
  name: 'reasoning' | 'reasoning_content',
  isNeeded: boolean,
  changes: Record<string, unknown>,
): void {
  const given = textOf(message[name])
  const text =
    given ?? textOf(message['reasoning_content']) ?? textOf(message['reasoning']) ?? textOfDetails(message)
  if (text === undefined) {
    if (isNeeded) changes[name] = ''
  } else if (text !== given) changes[name] = text
}

function textOfDetails({ reasoning_details: details }: Fields): string | undefined {
  if (!Array.isArray(details)) return undefined
  const texts = details.map((detail: unknown) => (isObject(detail) ? (textOf(detail['text']) ?? '') : ''))
  return textOf(texts.join(''))
}

function changeCall(call: Fields, rules: MessageRules): Fields {
  const changes: Record<string, unknown> = {}
  if (rules.callFields !== undefined)
    for (const name in call) if (!rules.callFields.includes(name)) changes[name] = undefined
  const id = callId(call['id'], rules)
  if (id !== call['id']) changes['id'] = id
  const { function: called } = call
  const text = isObject(called) ? argumentsText(called['arguments']) : undefined
  if (text !== undefined) changes['function'] = { ...(called as Fields), arguments: text }
  return withChanges(call, changes)
}

/** The text of arguments that are none: of an object, and of an empty text, which many chat templates fail to parse. */
function argumentsText(given: unknown): string | undefined {
  if (isObject(given)) return JSON.stringify(given)
  return given === '' || given === null ? '{}' : undefined
}

function changeToolResult(
  message: Fields,
  rules: MessageRules,
  names: ReadonlyMap<string, string> | undefined,
  changes: Record<string, unknown>,
): void {
  const { tool_call_id: given, content } = message
  // “Invalid value for 'content': expected a string, got null.”: https://github.com/run-llama/llama_index/issues/17555
  if (content !== '' && isEmptyContent(content)) changes['content'] = ''
  const id = callId(given, rules)
  if (id !== given) changes['tool_call_id'] = id
  const name = message['name'] === undefined ? names?.get(String(given)) : undefined
  if (name !== undefined) changes['name'] = name
}

/** The same id becomes the same other one in the call and in its result. */
function callId(id: unknown, { callIdLength: length }: MessageRules): unknown {
  if (length === undefined || typeof id !== 'string') return id
  if (id.length === length && /^[A-Za-z0-9]+$/.test(id)) return id
  return createHash('sha256').update(id).digest('hex').slice(0, length)
}

/** The name of the tool of each call. */
function toolNames(messages: readonly unknown[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const message of messages) {
    const calls = isObject(message) ? message['tool_calls'] : undefined
    for (const call of Array.isArray(calls) ? (calls as readonly unknown[]) : []) {
      if (!isObject(call) || !isObject(call['function'])) continue
      const { name } = call['function']
      if (typeof call['id'] === 'string' && typeof name === 'string') names.set(call['id'], name)
    }
  }
  return names
}

/** The text of content that is a list of texts; `undefined` for any other content. */
function joinedText(content: unknown): string | undefined {
  if (!Array.isArray(content)) return undefined
  const texts: string[] = []
  for (const part of content as readonly unknown[]) {
    if (!isObject(part) || typeof part['text'] !== 'string') return undefined
    texts.push(part['text'])
  }
  return texts.join('\n')
}

function joinAdjacent(messages: readonly unknown[]): readonly unknown[] {
  const joined: unknown[] = []
  for (const message of messages) {
    const last = joined.at(-1)
    const both = isObject(last) && isObject(message) ? joinTwo(last, message) : undefined
    if (both === undefined) joined.push(message)
    else joined[joined.length - 1] = both
  }
  return joined.length === messages.length ? messages : joined
}

function joinTwo(first: Fields, second: Fields): Fields | undefined {
  const { role } = first
  if (role !== second['role'] || (role !== 'user' && role !== 'assistant')) return undefined
  if (first['tool_calls'] !== undefined || second['tool_calls'] !== undefined) return undefined
  return joinContents(first, second)
}

function joinContents(first: Fields, second: Fields): Fields {
  const [one, other] = [first['content'], second['content']]
  if (typeof one === 'string' && typeof other === 'string') return { ...first, content: `${one}\n\n${other}` }
  return { ...first, content: [...partsOf(one), ...partsOf(other)] }
}

function partsOf(content: unknown): readonly unknown[] {
  if (Array.isArray(content)) return content
  return typeof content === 'string' ? [{ type: 'text', text: content }] : []
}

/** The system messages at the beginning become one, and later ones become the user's. */
function joinSystem(messages: readonly unknown[]): readonly unknown[] {
  const begun = messages.findIndex((message) => !isRole(message, 'system'))
  const first = begun === -1 ? messages : messages.slice(0, begun)
  const others = begun === -1 ? [] : messages.slice(begun)
  const isLate = others.some((message) => isRole(message, 'system'))
  if (first.length < 2 && !isLate) return messages
  const later = others.map((message) =>
    isRole(message, 'system') ? { ...(message as Fields), role: 'user' } : message,
  )
  return first.length === 0 ? later : [first.filter(isObject).reduce(joinContents), ...later]
}

/** What the assistant says where a client left its reply to a tool's result out. */
const REPLY_TO_TOOL = { role: 'assistant', content: 'OK.' }

function separateToolsFromUser(messages: readonly unknown[]): readonly unknown[] {
  const follows = messages.some((message, at) => isRole(message, 'user') && isRole(messages[at - 1], 'tool'))
  if (!follows) return messages
  return messages.flatMap((message, at) =>
    isRole(message, 'user') && isRole(messages[at - 1], 'tool') ? [REPLY_TO_TOOL, message] : [message],
  )
}

function isRole(message: unknown, role: string): boolean {
  return isObject(message) && message['role'] === role
}

/** The address of the first image that is not in the request itself; `undefined` when all are. */
export function linkedImage(messages: readonly unknown[]): string | undefined {
  for (const message of messages) {
    const content = isObject(message) ? message['content'] : undefined
    for (const part of Array.isArray(content) ? (content as readonly unknown[]) : []) {
      const image = isObject(part) ? part['image_url'] : undefined
      const url = isObject(image) ? image['url'] : image
      if (typeof url === 'string' && !/^data:/i.test(url)) return url
    }
  }
  return undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
