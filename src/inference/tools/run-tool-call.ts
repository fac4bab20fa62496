import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { NOTHING, type Money } from '../../base/money.ts'
import { shortName } from '../../base/text.ts'
import type { ToolBroker } from '../../mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../mcp/policy/tool-policy.ts'
import type { ListedTool } from '../../mcp/types.ts'
import type { CallEnding } from './tool-response.ts'
import type { AskedCall } from './tool-round.ts'
import { errorText, resultText } from './tool-result.ts'
import type { ToolSet } from './tool-selection.ts'

/** What all tool calls of one chat share. */
export interface CallSurroundings {
  readonly tools: ToolBroker
  readonly set: ToolSet
  readonly caller: ToolCaller
  /** The group id that all ledger rows of the chat have. */
  readonly group: string
  readonly maxResultCharacters: number
}

/**
 * Runs one call. A failure becomes a result that the model reads. Rejects only when `signal` aborts, or with an `internal`
 * error, which is a bug.
 */
export async function runCall(
  call: AskedCall,
  around: CallSurroundings,
  signal: AbortSignal,
): Promise<CallEnding> {
  const { set, maxResultCharacters } = around
  const tool = set.find(call.name)
  try {
    const args = argumentsOf(call)
    if (set.isSearch(call.name)) return instantly(set.search(JSON.stringify(args['query'] ?? '')))
    if (tool === undefined) throw new BrokerError('not-found', `there is no tool “${shortName(call.name)}”`)
    return await callTool(tool, args, around, signal)
  } catch (thrown) {
    const { code, message } = asBrokerError(thrown)
    // A bug is not shown to the model.
    if (code === 'internal') throw thrown
    return { ...instantly(errorText(message.slice(0, maxResultCharacters))), failed: true }
  }
}

async function callTool(
  { definition: { name } }: ListedTool,
  args: Record<string, unknown>,
  { tools, caller, group, maxResultCharacters }: CallSurroundings,
  signal: AbortSignal,
): Promise<CallEnding> {
  let cost: Money | undefined = NOTHING
  let ms = 0
  const onOutcome = (outcome: { readonly cost: Money | undefined; readonly durationMs: number }): void => {
    cost = outcome.cost
    ms = outcome.durationMs
  }
  try {
    const result = await tools.callTool(caller, name, args, { signal, group, onOutcome })
    return {
      failed: 'isError' in result && result.isError === true,
      result: resultText(result, maxResultCharacters),
      ms,
      cost,
    }
  } catch (thrown) {
    if (signal.aborted) throw thrown
    const { code, message } = asBrokerError(thrown)
    if (code === 'internal') throw thrown
    return { failed: true, result: errorText(message.slice(0, maxResultCharacters)), ms, cost }
  }
}

function instantly(result: string): CallEnding {
  return { failed: false, result, ms: 0, cost: NOTHING }
}

function argumentsOf({ arguments: text }: AskedCall): Record<string, unknown> {
  const value = text.trim() === '' ? {} : parsed(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new BrokerError('bad-request', 'the arguments are no JSON object; call it again with valid ones')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
