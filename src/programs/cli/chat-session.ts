import { NOTHING, addMoney } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'
import type { ChatRequest, ChatUsage } from '../../sdk/index.ts'
import { formatCost, plural, readCost } from './format.ts'

/** One answer as it was heard, whole or stopped. */
export interface Heard {
  readonly text: string
  /** Who answered, as far as it became known. */
  readonly model: string | undefined
  readonly provider: string | undefined
  readonly usage: ChatUsage | undefined
  readonly ms: number
  readonly stopped: boolean
}

/** A type, not an interface: it has to fit where any further field may be. */
export type Message = {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A conversation: what was said, to whom, and what it has cost. */
export interface Session {
  model: string
  system: string | undefined
  messages: readonly Message[]
  readonly bill: Bill
}

export interface Bill {
  answers: number
  promptTokens: number
  completionTokens: number
  cost: Money
  /** Answers that nobody could tell the cost of; they are not in `cost`. */
  unpriced: number
}

export function createSession(model: string, system: string | undefined): Session {
  const bill = { answers: 0, promptTokens: 0, completionTokens: 0, cost: NOTHING, unpriced: 0 }
  return { model, system, messages: [], bill }
}

/** The request that continues the conversation with `content`. */
export function requestOf({ model, system, messages }: Session, content: string): ChatRequest {
  const first: Message[] = system === undefined ? [] : [{ role: 'system', content: system }]
  return {
    model,
    messages: [...first, ...messages, { role: 'user', content }],
  }
}

/** Keeps a question and its answer. What was stopped stays as far as it was heard, so that one can refer to it. */
export function remember(session: Session, content: string, heard: Heard): void {
  addToBill(session.bill, heard)
  if (heard.text === '') return
  session.messages = [
    ...session.messages,
    { role: 'user', content },
    { role: 'assistant', content: heard.text },
  ]
}

function addToBill(bill: Bill, { usage }: Heard): void {
  const cost = readCost(usage?.cost)
  bill.answers += 1
  bill.promptTokens += usage?.prompt_tokens ?? 0
  bill.completionTokens += usage?.completion_tokens ?? 0
  if (cost === undefined) bill.unpriced += 1
  else bill.cost = addMoney(bill.cost, cost)
}

export function sayBill({ answers, promptTokens, completionTokens, cost, unpriced }: Bill): string {
  const tokens = `${promptTokens} + ${completionTokens} tokens`
  const unknown = unpriced === 0 ? '' : ` and ${plural(unpriced, 'answer')} of unknown cost`
  return `${plural(answers, 'answer')}, ${tokens}, ${formatCost(cost)}${unknown}`
}
