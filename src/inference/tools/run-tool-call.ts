import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { ZERO, type Money } from '../../base/money.ts'
import { truncate } from '../../base/text.ts'
import type { McpGateway } from '../../mcp/mcp-gateway.ts'
import { toolArguments } from '../../mcp/policy/tool-arguments.ts'
import type { ToolCaller } from '../../mcp/policy/tool-policy.ts'
import type { ListedTool } from '../../mcp/types.ts'
import type { CallOutcome } from './tool-response.ts'
import type { RequestedCall } from './tool-round.ts'
import { errorText, resultImages, resultText } from './tool-result.ts'
import type { ToolSelection } from './tool-selection.ts'

/** What all tool calls of one chat share. */
export interface ToolCallContext {
  readonly tools: McpGateway
  readonly set: ToolSelection
  readonly caller: ToolCaller
  /** The group id that all ledger rows of the chat have. */
  readonly group: string
  readonly maxResultCharacters: number
}

/**
 * Runs one call. A failure becomes a result that the model reads. Rejects only when `signal` aborts, or with an `internal`
 * error, which is a bug.
 */
export async function runToolCall(
  call: RequestedCall,
  context: ToolCallContext,
  signal: AbortSignal,
): Promise<CallOutcome> {
  const { set, maxResultCharacters } = context
  const tool = set.find(call.name)
  try {
    const args = toolArguments(call.arguments)
    if (set.isSearch(call.name)) return immediateOutcome(set.search(JSON.stringify(args['query'] ?? '')))
    if (tool === undefined) throw new BrokerError('not-found', `there is no tool “${truncate(call.name)}”`)
    return await callTool(tool, args, context, signal)
  } catch (thrown) {
    const { code, message } = asBrokerError(thrown)
    // A bug is not shown to the model.
    if (code === 'internal') throw thrown
    return { ...immediateOutcome(errorText(message.slice(0, maxResultCharacters))), failed: true }
  }
}

async function callTool(
  { definition: { name } }: ListedTool,
  args: Record<string, unknown>,
  { tools, caller, group, maxResultCharacters }: ToolCallContext,
  signal: AbortSignal,
): Promise<CallOutcome> {
  let cost: Money | undefined = ZERO
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
      images: resultImages(result),
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

function immediateOutcome(result: string): CallOutcome {
  return { failed: false, result, ms: 0, cost: ZERO }
}
