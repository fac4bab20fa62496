import { addMoney, usdNumber } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'
import type { ChatUsage, Client } from '../../sdk/index.ts'
import { printResponse } from './response-output.ts'
import { addToTotals, userMessage, remember, requestOf } from './session.ts'
import type { ReceivedResponse, Message, Session } from './session.ts'
import { runCalls } from './tools/chat-tools.ts'
import type { Approve, CallResults } from './tools/chat-tools.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { addFields } from '../usage/add-fields.ts'

/** What a turn needs besides the text of the message. */
export interface TurnParts {
  readonly terminal: Terminal
  readonly client: Client
  readonly session: Session
  readonly approve: Approve
  readonly signal: AbortSignal
}

/** After so many responses that called tools, the model may call no more and has to respond with text. */
const MAX_ROUNDS = 20

/** Sends the message, runs the tools that the model calls and sends their results, until it responds without calls. Aborting stops the turn and does not throw. */
export async function runTurn(text: string, parts: TurnParts): Promise<ReceivedResponse> {
  const { terminal, client, session, signal } = parts
  const newMessages: Message[] = [userMessage(session, text)]
  let merged: ReceivedResponse | undefined
  for (let round = 1; ; round++) {
    const request = requestOf(session, newMessages, { mayCall: round <= MAX_ROUNDS })
    const response = await printResponse(terminal, client, request, signal)
    addToTotals(session.totals, response)
    merged = merged === undefined ? response : mergeResponses(merged, response)
    const done = response.stopped ? undefined : await runAll(response, parts)
    if (done === undefined) {
      remember(session, newMessages, response.text)
      return { ...merged, stopped: signal.aborted }
    }
    session.totals.cost = addMoney(session.totals.cost, done.cost)
    session.totals.unpriced += done.unpriced
    merged = withCost(merged, done.unpriced === 0 ? done.cost : undefined)
    newMessages.push(
      { role: 'assistant', content: response.text, tool_calls: response.calls },
      ...done.messages,
    )
  }
}

/** Runs the tool calls of a response; `undefined` when there are none, or the turn was stopped. */
async function runAll({ calls }: ReceivedResponse, { session, ...parts }: TurnParts): Promise<CallResults> {
  const { tools: box } = session
  if (box === undefined || calls.length === 0) return undefined
  return runCalls(calls, { ...parts, box })
}

function mergeResponses(before: ReceivedResponse, response: ReceivedResponse): ReceivedResponse {
  return { ...response, usage: addUsage(before.usage, response.usage), ms: before.ms + response.ms }
}

function addUsage(a: ChatUsage | undefined, b: ChatUsage | undefined): ChatUsage | undefined {
  if (a === undefined || b === undefined) return undefined
  const { prompt_tokens, completion_tokens, total_tokens } = a
  const isCostKnown = typeof a.cost === 'number' && typeof b.cost === 'number'
  return {
    ...addFields({ prompt_tokens, completion_tokens, total_tokens }, b),
    cost: isCostKnown ? (a.cost ?? 0) + (b.cost ?? 0) : undefined,
  }
}

/** Adds the cost of tool calls. If a part is unknown, the whole cost is unknown. */
function withCost(response: ReceivedResponse, cost: Money | undefined): ReceivedResponse {
  const { usage } = response
  if (typeof usage?.cost !== 'number') return response
  if (cost === undefined) return { ...response, usage: { ...usage, cost: undefined } }
  return { ...response, usage: { ...usage, cost: usage.cost + usdNumber(cost) } }
}
