import { NOTHING, addMoney } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'
import type { ChatRequest, ChatUsage } from '../../sdk/index.ts'
import type { ToolCall } from './tools/tool-call-reader.ts'
import type { Attachment, ContentPart } from './attachment.ts'
import { functionsOf } from './tools/chat-tools.ts'
import type { ToolAnswer, ToolBox } from './tools/chat-tools.ts'
import { formatCost, plural, readCost } from '../terminal/format.ts'

/** One answer as it was heard, whole or stopped. */
export interface Heard {
  readonly text: string
  /** Tools that are to run before it goes on. */
  readonly calls: readonly ToolCall[]
  /** Who answered, as far as it became known. */
  readonly model: string | undefined
  readonly provider: string | undefined
  readonly usage: ChatUsage | undefined
  readonly ms: number
  readonly stopped: boolean
}

/** A type, not an interface: it has to fit where any further field may be. */
export type Message =
  | { readonly role: 'system' | 'user'; readonly content: string | readonly ContentPart[] }
  | { readonly role: 'assistant'; readonly content: string; readonly tool_calls?: readonly ToolCall[] }
  | ToolAnswer

/** A conversation: what was said, to whom, and what it has cost. */
export interface Session {
  model: string
  system: string | undefined
  messages: readonly Message[]
  /** Files that go along with the next message. */
  files: readonly Attachment[]
  /** What the model may call. */
  tools: ToolBox | undefined
  readonly bill: Bill
}

export interface Bill {
  answers: number
  promptTokens: number
  completionTokens: number
  cost: Money
  /** Answers and calls of tools that nobody could tell the cost of; they are not in `cost`. */
  unpriced: number
}

export function createSession(
  model: string,
  system: string | undefined,
  files: readonly Attachment[] = [],
): Session {
  const bill = { answers: 0, promptTokens: 0, completionTokens: 0, cost: NOTHING, unpriced: 0 }
  return { model, system, messages: [], files, tools: undefined, bill }
}

/** The request that continues the conversation with what was `said` since. */
export function requestOf(
  { model, system, messages, tools }: Session,
  said: readonly Message[],
  { mayCall }: { readonly mayCall: boolean },
): ChatRequest {
  const first: Message[] = system === undefined ? [] : [{ role: 'system', content: system }]
  return {
    model,
    messages: [...first, ...messages, ...said],
    // A history with calls in it wants the tools named even when none may be called.
    ...(tools === undefined || tools.tools.size === 0 ? {} : { tools: functionsOf(tools) }),
    ...(mayCall ? {} : { tool_choice: 'none' }),
  }
}

/** A message of the user's, with the files that go along. */
export function questionOf({ files }: Session, text: string): Message {
  const parts = [{ type: 'text', text }, ...files.map(({ part }) => part)]
  return { role: 'user', content: files.length === 0 ? text : parts }
}

/** Keeps a question, what tools said to it, and the answer. What was stopped stays as far as it was heard, so that one can refer to it. */
export function remember(session: Session, said: readonly Message[], answer: string): void {
  if (answer === '' && said.length === 1) return
  const last: Message[] = answer === '' ? [] : [{ role: 'assistant', content: answer }]
  session.messages = [...session.messages, ...said, ...last]
  session.files = []
}

export function addToBill(bill: Bill, { usage }: Heard): void {
  const cost = readCost(usage?.cost)
  bill.answers += 1
  bill.promptTokens += usage?.prompt_tokens ?? 0
  bill.completionTokens += usage?.completion_tokens ?? 0
  if (cost === undefined) bill.unpriced += 1
  else bill.cost = addMoney(bill.cost, cost)
}

export function sayBill({ answers, promptTokens, completionTokens, cost, unpriced }: Bill): string {
  const tokens = `${promptTokens} + ${completionTokens} tokens`
  const unknown = unpriced === 0 ? '' : ` and ${plural(unpriced, 'item')} of unknown cost`
  return `${plural(answers, 'answer')}, ${tokens}, ${formatCost(cost)}${unknown}`
}
