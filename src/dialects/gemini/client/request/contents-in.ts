import { isObject } from '../../../../wire/json/json-body.ts'
import type { BlockKind, Fields } from '../../../chat-vocabulary.ts'
import { camelNames, camelObject } from '../../camel-names.ts'
import { GEMINI_FORMAT } from '../../gemini-format.ts'
import { invalid } from '../invalid.ts'
import { partsOf, readPart } from './parts-in.ts'
import { readSignature } from '../signature.ts'

/** A call that has no result yet. */
interface OpenCall {
  readonly id: string
  readonly name: unknown
}

/** The system instruction and the contents as messages of a chat. */
export function readContents(instruction: unknown, contents: unknown): readonly Fields[] {
  const messages: Fields[] = []
  if (instruction !== undefined && instruction !== null) messages.push(systemMessage(instruction))
  const all: readonly unknown[] = Array.isArray(contents) ? contents : [contents]
  // Calls may come without an id: their results are recognized by their order and their name.
  const open: OpenCall[] = []
  for (const [at, content] of all.entries()) messages.push(...readContent(content, at, open))
  return messages
}

function systemMessage(instruction: unknown): Fields {
  const { role } = camelObject(instruction)
  const content = partsOf(instruction, 'systemInstruction').map(readPart)
  return { role: 'system', content, ...(role === undefined ? {} : ownFields({ role })) }
}

function ownFields(gemini: Fields): Fields {
  return { dialect_fields: { gemini } }
}

function readContent(content: unknown, at: number, open: OpenCall[]): readonly Fields[] {
  const path = `contents[${at}]`
  if (typeof content !== 'string' && !isObject(content)) throw invalid(path, 'must be an object')
  const { role = 'user' } = camelObject(content)
  const parts = partsOf(content, path)
  if (role === 'model' || role === 'assistant') return [assistantMessage(parts, at, open)]
  if (role !== 'user' && role !== 'function' && role !== 'tool')
    throw invalid(`${path}.role`, 'must be one of user, model')
  return userMessages(parts, open)
}

/** Results of functions become messages of their own, before what else the content says. */
function userMessages(parts: readonly Fields[], open: OpenCall[]): readonly Fields[] {
  const results = parts.filter((part) => isObject(part['functionResponse']))
  const others = parts.filter((part) => !isObject(part['functionResponse']))
  const messages = results.map((part) => toolMessage(part, open))
  if (others.length === 0 && results.length > 0) return messages
  const joined = results.length > 0 ? ownFields({ isJoined: true }) : {}
  return [...messages, { role: 'user', content: others.map(readPart), ...joined }]
}

function toolMessage(part: Fields, open: OpenCall[]): Fields {
  const { id, name, response, parts = [] } = camelObject(part['functionResponse'])
  const tool_call_id = idOfResult(id, name, open)
  const media = (Array.isArray(parts) ? parts : []).filter(isObject).map((each) => readPart(camelNames(each)))
  const { text, isError } = textOfResponse(response)
  return {
    role: 'tool',
    tool_call_id,
    content: media.length === 0 ? text : [{ type: 'text', text }, ...media],
    ...(isError ? { is_error: true } : {}),
    ...ownFields({ part }),
  }
}

function idOfResult(id: unknown, name: unknown, open: OpenCall[]): string {
  const exact = open.findIndex((call) => call.id === id)
  const named = open.findIndex((call) => call.name === name)
  const at = exact >= 0 ? exact : typeof id === 'string' && id !== '' ? -1 : Math.max(named, 0)
  const [call] = at < 0 ? [] : open.splice(at, 1)
  return call?.id ?? (typeof id === 'string' && id !== '' ? id : 'call_unknown')
}

/** By convention a response has `output` or `error`; any other is passed on as the JSON that it is. */
function textOfResponse(response: unknown): { readonly text: string; readonly isError: boolean } {
  const { output, result, error, ...rest } = isObject(response) ? response : { output: response }
  const isAlone = Object.keys(rest).length === 0
  const isError = error !== undefined && output === undefined && result === undefined && isAlone
  if (isError) return { text: textOf(error), isError }
  const value =
    isAlone && error === undefined && (output === undefined) !== (result === undefined)
      ? (output ?? result)
      : response
  return { text: textOf(value), isError: false }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

/** What an assistant's message is made of. */
interface Assistant {
  readonly content: Fields[]
  readonly reasoning: Fields[]
  readonly calls: Fields[]
  readonly order: BlockKind[]
}

function assistantMessage(parts: readonly Fields[], at: number, open: OpenCall[]): Fields {
  const all: Assistant = { content: [], reasoning: [], calls: [], order: [] }
  // What earlier contents left without a result gets none any more.
  open.length = 0
  for (const part of parts) readModelPart(part, `call_${at}_${all.calls.length}`, all)
  for (const { id, function: called } of all.calls)
    open.push({ id: String(id), name: isObject(called) ? called['name'] : undefined })
  const { content, reasoning, calls, order } = all
  return {
    role: 'assistant',
    content: content.length === 0 ? null : content,
    ...(reasoning.length === 0 ? {} : { reasoning_details: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...(isUsualOrder(order) ? {} : { content_order: order }),
  }
}

function readModelPart({ thoughtSignature, ...part }: Fields, id: string, all: Assistant): void {
  const signature = readSignature(thoughtSignature)
  if (signature.type === 'details') addDetails(signature.details, all)
  const sealed = signature.type === 'sealed' ? { thoughtSignature: signature.sealed } : {}
  if (part['thought'] === true) addThought(part, sealed, all)
  else if (isObject(part['functionCall'])) {
    all.calls.push(toolCall(part, { id, sealed }))
    all.order.push('tool_call')
  } else if (signature.type !== 'details' || part['text'] !== '') {
    all.content.push(readPart({ ...part, ...sealed }))
    all.order.push('content')
  }
}

/** Thoughts that travelled in a signature are the originals of those that were shown. */
function addDetails(details: readonly Fields[], { reasoning, order }: Assistant): void {
  const shown = order.filter((kind) => kind === 'reasoning').length
  reasoning.splice(0, shown, ...details)
  for (let nth = order.length; nth--;) if (order[nth] === 'reasoning') order.splice(nth, 1)
  const kinds: readonly BlockKind[] = details.map(() => 'reasoning')
  order.unshift(...kinds)
}

function addThought(
  { text, thought: _mark, ...rest }: Fields,
  sealed: Fields,
  { reasoning, order }: Assistant,
): void {
  const { thoughtSignature: signature } = sealed
  reasoning.push({
    type: 'reasoning.text',
    text: text ?? '',
    ...(signature === undefined ? {} : { signature }),
    format: GEMINI_FORMAT,
    index: reasoning.length,
    ...(Object.keys(rest).length === 0 ? {} : ownFields(rest)),
  })
  order.push('reasoning')
}

function toolCall(
  { functionCall, ...rest }: Fields,
  { id: ownId, sealed }: { readonly id: string; readonly sealed: Fields },
): Fields {
  const { id, name, args, ...more } = camelObject(functionCall)
  if (typeof name !== 'string' || name === '') throw invalid('functionCall.name', 'is required')
  const isNamed = typeof id === 'string' && id !== ''
  const own = {
    ...rest,
    ...sealed,
    ...more,
    ...(isNamed ? {} : { hasNoId: true }),
    ...(args === undefined ? { hasNoArgs: true } : {}),
  }
  return {
    id: isNamed ? id : ownId,
    type: 'function',
    function: { name, arguments: JSON.stringify(args ?? {}) },
    ...(Object.keys(own).length === 0 ? {} : ownFields(own)),
  }
}

const RANKS: Readonly<Record<BlockKind, number>> = { reasoning: 0, content: 1, tool_call: 2 }

function isUsualOrder(order: readonly BlockKind[]): boolean {
  return order.every((kind, at) => at === 0 || RANKS[order[at - 1] ?? kind] <= RANKS[kind])
}
