import { addMoney, dollarsNumber } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'
import type { ChatUsage, Client } from '../../sdk/index.ts'
import { writeAnswer } from './response-output.ts'
import { addToBill, questionOf, remember, requestOf } from './session.ts'
import type { Heard, Message, Session } from './session.ts'
import { runCalls } from './tools/chat-tools.ts'
import type { Approve, CallsDone } from './tools/chat-tools.ts'
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
const MOST_ROUNDS = 20

/** Sends the message, runs the tools that the model calls and sends their results, until it responds without calls. Aborting stops the turn and does not throw. */
export async function takeTurn(text: string, parts: TurnParts): Promise<Heard> {
  const { terminal, client, session, signal } = parts
  const said: Message[] = [questionOf(session, text)]
  let whole: Heard | undefined
  for (let round = 1; ; round++) {
    const request = requestOf(session, said, { mayCall: round <= MOST_ROUNDS })
    const heard = await writeAnswer(terminal, client, request, signal)
    addToBill(session.bill, heard)
    whole = whole === undefined ? heard : joined(whole, heard)
    const done = heard.stopped ? undefined : await runAll(heard, parts)
    if (done === undefined) {
      remember(session, said, heard.text)
      return { ...whole, stopped: signal.aborted }
    }
    session.bill.cost = addMoney(session.bill.cost, done.cost)
    session.bill.unpriced += done.unpriced
    whole = withCost(whole, done.unpriced === 0 ? done.cost : undefined)
    said.push({ role: 'assistant', content: heard.text, tool_calls: heard.calls }, ...done.answers)
  }
}

/** Runs the tool calls of a response; `undefined` when there are none, or the turn was stopped. */
async function runAll({ calls }: Heard, { session, ...parts }: TurnParts): Promise<CallsDone> {
  const { tools: box } = session
  if (box === undefined || calls.length === 0) return undefined
  return runCalls(calls, { ...parts, box })
}

function joined(before: Heard, heard: Heard): Heard {
  return { ...heard, usage: sumOf(before.usage, heard.usage), ms: before.ms + heard.ms }
}

function sumOf(a: ChatUsage | undefined, b: ChatUsage | undefined): ChatUsage | undefined {
  if (a === undefined || b === undefined) return undefined
  const { prompt_tokens, completion_tokens, total_tokens } = a
  const isCostKnown = typeof a.cost === 'number' && typeof b.cost === 'number'
  return {
    ...addFields({ prompt_tokens, completion_tokens, total_tokens }, b),
    cost: isCostKnown ? (a.cost ?? 0) + (b.cost ?? 0) : undefined,
  }
}

/** Adds the cost of tool calls. If a part is unknown, the whole cost is unknown. */
function withCost(heard: Heard, cost: Money | undefined): Heard {
  const { usage } = heard
  if (typeof usage?.cost !== 'number') return heard
  if (cost === undefined) return { ...heard, usage: { ...usage, cost: undefined } }
  return { ...heard, usage: { ...usage, cost: usage.cost + dollarsNumber(cost) } }
}
