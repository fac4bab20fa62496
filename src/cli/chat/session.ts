import { ZERO, addMoney } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'
import type { ChatRequest, ChatUsage } from '../../sdk/index.ts'
import type { ToolCall } from './tools/tool-call-reader.ts'
import type { Attachment, ContentPart } from './attachment.ts'
import { functionsOf } from './tools/chat-tools.ts'
import type { ToolMessage, ToolBox } from './tools/chat-tools.ts'
import { formatCost, plural, readCost } from '../terminal/format.ts'

/** One response as it was received, complete or stopped. */
export interface ReceivedResponse {
  readonly text: string
  /** Tool calls that the model wants answered before it continues. */
  readonly calls: readonly ToolCall[]
  /** The model and the provider that responded, as far as they are known. */
  readonly model: string | undefined
  readonly provider: string | undefined
  readonly usage: ChatUsage | undefined
  readonly ms: number
  readonly stopped: boolean
}

/** A type, not an interface: only a type is assignable to a record with an index signature. */
export type Message =
  | { readonly role: 'system' | 'user'; readonly content: string | readonly ContentPart[] }
  | { readonly role: 'assistant'; readonly content: string; readonly tool_calls?: readonly ToolCall[] }
  | ToolMessage

/** A conversation: its messages, its model, and what it has cost. */
export interface Session {
  model: string
  system: string | undefined
  messages: readonly Message[]
  /** Files to send with the next message. */
  files: readonly Attachment[]
  /** The tools that the model may call. */
  tools: ToolBox | undefined
  readonly totals: ConversationTotals
}

export interface ConversationTotals {
  responses: number
  promptTokens: number
  completionTokens: number
  cost: Money
  /** Responses and tool calls of unknown cost; they are not in `cost`. */
  unpriced: number
}

export function createSession(
  model: string,
  system: string | undefined,
  files: readonly Attachment[] = [],
): Session {
  const totals = { responses: 0, promptTokens: 0, completionTokens: 0, cost: ZERO, unpriced: 0 }
  return { model, system, messages: [], files, tools: undefined, totals }
}

/** The request that continues the conversation with new messages. */
export function requestOf(
  { model, system, messages, tools }: Session,
  newMessages: readonly Message[],
  { mayCall }: { readonly mayCall: boolean },
): ChatRequest {
  const first: Message[] = system === undefined ? [] : [{ role: 'system', content: system }]
  return {
    model,
    messages: [...first, ...messages, ...newMessages],
    // Providers require the tools of a history with tool calls, even when the model may call none.
    ...(tools === undefined || tools.tools.size === 0 ? {} : { tools: functionsOf(tools) }),
    ...(mayCall ? {} : { tool_choice: 'none' }),
  }
}

/** A user message, with the files of the session as content parts. */
export function userMessage({ files }: Session, text: string): Message {
  const parts = [{ type: 'text', text }, ...files.map(({ part }) => part)]
  return { role: 'user', content: files.length === 0 ? text : parts }
}

/** Adds a turn to the history: the user message, the tool messages, and the response. A stopped response is kept as far as it was received, so that the next message can refer to it. */
export function remember(session: Session, newMessages: readonly Message[], text: string): void {
  if (text === '' && newMessages.length === 1) return
  const last: Message[] = text === '' ? [] : [{ role: 'assistant', content: text }]
  session.messages = [...session.messages, ...newMessages, ...last]
  session.files = []
}

export function addToTotals(totals: ConversationTotals, { usage }: ReceivedResponse): void {
  const cost = readCost(usage?.cost)
  totals.responses += 1
  totals.promptTokens += usage?.prompt_tokens ?? 0
  totals.completionTokens += usage?.completion_tokens ?? 0
  if (cost === undefined) totals.unpriced += 1
  else totals.cost = addMoney(totals.cost, cost)
}

export function formatTotals({
  responses,
  promptTokens,
  completionTokens,
  cost,
  unpriced,
}: ConversationTotals): string {
  const tokens = `${promptTokens} + ${completionTokens} tokens`
  const unknown = unpriced === 0 ? '' : ` and ${plural(unpriced, 'item')} of unknown cost`
  return `${plural(responses, 'answer')}, ${tokens}, ${formatCost(cost)}${unknown}`
}
