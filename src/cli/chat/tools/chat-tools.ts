import { asBrokerError } from '../../../base/errors.ts'
import { NOTHING, addMoney, dollars, formatDollars } from '../../../base/money.ts'
import type { Money } from '../../../base/money.ts'
import type { Client, Result } from '../../../sdk/index.ts'
import type { ToolCall } from './tool-call-reader.ts'
import { formatUsd } from '../../terminal/format.ts'
import { paint, print, withoutControls } from '../../terminal/terminal.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { resultLines } from '../../tools/tool-text.ts'

export type Tool = Result<'mcp.list_tools'>['tools'][number]

/** The tools that a conversation may use. */
export interface ToolBox {
  /** The requested names, or prefixes that end in `*`; `*` for all. */
  readonly wanted: string
  readonly tools: ReadonlyMap<string, Tool>
  /** Names of the tools that may run without another confirmation. */
  readonly trusted: Set<string>
}

/** Whether a tool may run: once, from now on, or not; `stop` when the person ended the turn instead. */
export type Verdict = 'yes' | 'always' | 'no' | 'stop'

export type Approve = (tool: Tool) => Promise<Verdict>

/** A type, not an interface: only a type is assignable to a record with an index signature. */
export type ToolAnswer = { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string }

/** The results of the tool calls of one response; `undefined` when the turn was stopped. */
export type CallsDone =
  | {
      /** One message per call. */
      readonly answers: readonly ToolAnswer[]
      /** The cost of the calls whose price is known. */
      readonly cost: Money
      /** The number of calls of unknown price. */
      readonly unpriced: number
    }
  | undefined

/** The broker's tools that match `patterns`, a list with spaces or commas between. */
export async function findTools(client: Client, wanted: string): Promise<ToolBox> {
  const { tools } = await client.call('mcp.list_tools', {})
  const words = wanted.split(/[\s,]+/).filter(Boolean)
  const fits = ({ name }: Tool): boolean =>
    words.some((word) => (word.endsWith('*') ? name.startsWith(word.slice(0, -1)) : name === word))
  const found = tools.filter(fits).map((tool) => [tool.name, tool] as const)
  return { wanted, tools: new Map(found), trusted: new Set() }
}

/** The tools in the form of a chat request. */
export function functionsOf({ tools }: ToolBox): readonly object[] {
  return [...tools.values()].map(({ name, description = '', inputSchema }) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }))
}

export interface CallsParts {
  readonly terminal: Terminal
  readonly client: Client
  readonly box: ToolBox
  readonly approve: Approve
  readonly signal: AbortSignal
}

/** Shows each call, asks for approval, runs it, and prints the result. Failures are reported to the model. */
export async function runCalls(calls: readonly ToolCall[], parts: CallsParts): Promise<CallsDone> {
  const answers: ToolAnswer[] = []
  let [cost, unpriced] = [NOTHING, 0]
  for (const call of calls) {
    const done = await runOne(call, parts)
    if (done === undefined || parts.signal.aborted) return undefined
    answers.push({ role: 'tool', tool_call_id: call.id, content: done.text })
    if (done.cost === undefined) unpriced += 1
    else cost = addMoney(cost, done.cost)
  }
  return { answers, cost, unpriced }
}

/** The result of one call; `cost` is `undefined` when it is unknown. The whole is `undefined` when the turn was stopped. */
type Done = { readonly text: string; readonly cost: Money | undefined } | undefined

async function runOne({ function: { name, arguments: text } }: ToolCall, parts: CallsParts): Promise<Done> {
  const { terminal, box, approve } = parts
  const tool = box.tools.get(name)
  const args = objectIn(text)
  sayCall(terminal, name, text, tool)
  if (tool === undefined) return refused(terminal, `there is no tool “${name}” here`)
  if (args === undefined) return refused(terminal, 'the arguments are not a JSON object')
  const verdict = box.trusted.has(name) ? 'yes' : await approve(tool)
  if (verdict === 'stop') return undefined
  if (verdict === 'no') return refused(terminal, 'the user does not want this tool to run')
  if (verdict === 'always') box.trusted.add(name)
  return callTool(tool, args, parts)
}

async function callTool(tool: Tool, args: Record<string, unknown>, parts: CallsParts): Promise<Done> {
  const { terminal, client, signal } = parts
  try {
    const result = await client.call('mcp.call_tool', { name: tool.name, arguments: args }, { signal })
    const text = cut(resultLines(result).join('\n'), MOST_FOR_MODEL)
    const failed = result.isError === true
    sayLine(terminal, failed ? 'red' : 'dim', `${failed ? 'failed' : 'result'} ${shortly(text)}`)
    return { text: failed ? `The tool failed: ${text}` : text, cost: priceOf(tool) }
  } catch (thrown) {
    if (signal.aborted) return undefined
    return refused(terminal, asBrokerError(thrown).message)
  }
}

/** Maximum characters: of a result as the model gets it, of the arguments and of a result as they are printed. */
const MOST_FOR_MODEL = 65_536
const MOST_FOR_PERSON = 2000
const MOST_OF_RESULT = 120

function sayCall(terminal: Terminal, name: string, text: string, tool: Tool | undefined): void {
  const price = tool === undefined ? NOTHING : priceOf(tool)
  const cost = price === undefined ? ' (price unknown)' : ` (${formatUsd(formatDollars(price))})`
  sayLine(terminal, 'yellow', `tool ${name} ${cut(text, MOST_FOR_PERSON)}${price === NOTHING ? '' : cost}`)
}

/** `undefined` when the price is unknown. */
function priceOf({ price_usd: usd }: Tool): Money | undefined {
  return usd === undefined ? undefined : dollars(usd)
}

function refused(terminal: Terminal, why: string): Done {
  sayLine(terminal, 'red', `not run: ${why}`)
  return { text: `The tool was not run: ${why}.`, cost: NOTHING }
}

/** Without a terminal this goes to standard error, so that a pipe gets only the response. */
function sayLine(terminal: Terminal, style: 'yellow' | 'red' | 'dim', text: string): void {
  const line = withoutControls(text)
  if (terminal.output.isTTY) print(terminal, paint(terminal, style, line))
  else terminal.errors.write(`${line}\n`)
}

function shortly(text: string): string {
  return cut(text.trim().replaceAll(/\s+/g, ' '), MOST_OF_RESULT)
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} characters more)`
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.trim() === '' ? '{}' : text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
