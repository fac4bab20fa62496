import { asBrokerError } from '../../../base/errors.ts'
import { ZERO, addMoney, parseUsd, usdText } from '../../../base/money.ts'
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
  readonly patterns: string
  readonly tools: ReadonlyMap<string, Tool>
  /** Names of the tools that may run without another confirmation. */
  readonly trusted: Set<string>
}

/** Whether a tool may run: once, from now on, or not; `stop` when the person ended the turn instead. */
export type Verdict = 'yes' | 'always' | 'no' | 'stop'

export type Approve = (tool: Tool) => Promise<Verdict>

/** A type, not an interface: only a type is assignable to a record with an index signature. */
export type ToolMessage = { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string }

/** The results of the tool calls of one response; `undefined` when the turn was stopped. */
export type CallResults =
  | {
      /** One message per call. */
      readonly messages: readonly ToolMessage[]
      /** The cost of the calls whose price is known. */
      readonly cost: Money
      /** The number of calls of unknown price. */
      readonly unpriced: number
    }
  | undefined

/** The broker's tools that match `patterns`, a list with spaces or commas between. */
export async function findTools(client: Client, patterns: string): Promise<ToolBox> {
  const { tools } = await client.call('mcp.list_tools', {})
  const words = patterns.split(/[\s,]+/).filter(Boolean)
  const fits = ({ name }: Tool): boolean =>
    words.some((word) => (word.endsWith('*') ? name.startsWith(word.slice(0, -1)) : name === word))
  const found = tools.filter(fits).map((tool) => [tool.name, tool] as const)
  return { patterns, tools: new Map(found), trusted: new Set() }
}

/** The tools in the form of a chat request. */
export function functionsOf({ tools }: ToolBox): readonly object[] {
  return [...tools.values()].map(({ name, description = '', inputSchema }) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }))
}

export interface RunCallsOptions {
  readonly terminal: Terminal
  readonly client: Client
  readonly box: ToolBox
  readonly approve: Approve
  readonly signal: AbortSignal
}

/** Shows each call, asks for approval, runs it, and prints the result. Failures are reported to the model. */
export async function runCalls(calls: readonly ToolCall[], parts: RunCallsOptions): Promise<CallResults> {
  const messages: ToolMessage[] = []
  let [cost, unpriced] = [ZERO, 0]
  for (const call of calls) {
    const done = await runCall(call, parts)
    if (done === undefined || parts.signal.aborted) return undefined
    messages.push({ role: 'tool', tool_call_id: call.id, content: done.text })
    if (done.cost === undefined) unpriced += 1
    else cost = addMoney(cost, done.cost)
  }
  return { messages, cost, unpriced }
}

/** The result of one call; `cost` is `undefined` when it is unknown. The whole is `undefined` when the turn was stopped. */
type CallResult = { readonly text: string; readonly cost: Money | undefined } | undefined

async function runCall(
  { function: { name, arguments: text } }: ToolCall,
  parts: RunCallsOptions,
): Promise<CallResult> {
  const { terminal, box, approve } = parts
  const tool = box.tools.get(name)
  const args = objectIn(text)
  printCall(terminal, name, text, tool)
  if (tool === undefined) return notRun(terminal, `there is no tool “${name}” here`)
  if (args === undefined) return notRun(terminal, 'the arguments are not a JSON object')
  const verdict = box.trusted.has(name) ? 'yes' : await approve(tool)
  if (verdict === 'stop') return undefined
  if (verdict === 'no') return notRun(terminal, 'the user does not want this tool to run')
  if (verdict === 'always') box.trusted.add(name)
  return callTool(tool, args, parts)
}

async function callTool(
  tool: Tool,
  args: Record<string, unknown>,
  parts: RunCallsOptions,
): Promise<CallResult> {
  const { terminal, client, signal } = parts
  try {
    const result = await client.call('mcp.call_tool', { name: tool.name, arguments: args }, { signal })
    const text = cut(resultLines(result).join('\n'), MAX_RESULT_CHARACTERS)
    const failed = result.isError === true
    printLine(terminal, failed ? 'red' : 'dim', `${failed ? 'failed' : 'result'} ${toOneLine(text)}`)
    return { text: failed ? `The tool failed: ${text}` : text, cost: priceOf(tool) }
  } catch (thrown) {
    if (signal.aborted) return undefined
    return notRun(terminal, asBrokerError(thrown).message)
  }
}

/** Maximum characters: of a result as the model gets it, of the arguments and of a result as they are printed. */
const MAX_RESULT_CHARACTERS = 65_536
const MAX_SHOWN_ARGUMENTS = 2000
const MAX_SHOWN_RESULT = 120

function printCall(terminal: Terminal, name: string, text: string, tool: Tool | undefined): void {
  const price = tool === undefined ? ZERO : priceOf(tool)
  const cost = price === undefined ? ' (price unknown)' : ` (${formatUsd(usdText(price))})`
  printLine(terminal, 'yellow', `tool ${name} ${cut(text, MAX_SHOWN_ARGUMENTS)}${price === ZERO ? '' : cost}`)
}

/** `undefined` when the price is unknown. */
function priceOf({ price_usd: usd }: Tool): Money | undefined {
  return usd === undefined ? undefined : parseUsd(usd)
}

function notRun(terminal: Terminal, why: string): CallResult {
  printLine(terminal, 'red', `not run: ${why}`)
  return { text: `The tool was not run: ${why}.`, cost: ZERO }
}

/** Without a terminal this goes to standard error, so that a pipe gets only the response. */
function printLine(terminal: Terminal, style: 'yellow' | 'red' | 'dim', text: string): void {
  const line = withoutControls(text)
  if (terminal.output.isTTY) print(terminal, paint(terminal, style, line))
  else terminal.errors.write(`${line}\n`)
}

function toOneLine(text: string): string {
  return cut(text.trim().replaceAll(/\s+/g, ' '), MAX_SHOWN_RESULT)
}

function cut(text: string, maxLength: number): string {
  return text.length <= maxLength
    ? text
    : `${text.slice(0, maxLength)}… (${text.length - maxLength} characters more)`
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
