import { BrokerError } from '../../../base/errors.ts'
import { usdText } from '../../../base/money.ts'
import { truncate } from '../../../base/text.ts'
import type { EntryProblem } from '../../../mcp/config/config.ts'
import type { McpGateway } from '../../../mcp/mcp-gateway.ts'
import type { ListedTool } from '../../../mcp/types.ts'
import type { Params, Result } from '../../../wire/rpc/methods.ts'
import type { Handlers } from '../calls/handler-types.ts'

type McpMethod = 'mcp.list_tools' | 'mcp.call_tool' | 'mcp.servers' | 'mcp.approve_tool'

/** The methods about tools. Without an MCP gateway no servers are configured: lists are empty then, which is no error. */
export function mcpHandlers(tools: McpGateway | undefined): Pick<Handlers, McpMethod> {
  return {
    'mcp.list_tools': async (params, caller, signal) => {
      const list = await tools?.listTools(caller, signal)
      return {
        tools: (list?.tools ?? []).filter(toolFilter(params)).map(toolRow),
        unavailable: [...(list?.unavailable ?? [])],
      }
    },
    'mcp.call_tool': async ({ name, arguments: args = {} }, caller, signal) => {
      if (tools === undefined)
        throw new BrokerError('not-found', `there is no tool “${truncate(name)}”: ${NONE}`)
      const result = await tools.callTool(caller, name, args, { signal })
      if (!('content' in result)) throw needsInput(name)
      return result as Result<'mcp.call_tool'>
    },
    'mcp.servers': async (_params, caller) => {
      if (tools === undefined) return []
      return caller.role === 'admin'
        ? [...serverRows(tools.servers(), tools.heldTools()), ...leftOutRows(tools.leftOut())]
        : serverRows(tools.serversFor(caller), [])
    },
    'mcp.approve_tool': async ({ server, tool }) => {
      if (tools === undefined) throw new BrokerError('not-found', `nothing is held: ${NONE}`)
      await tools.approve(server, tool)
      return { approved: true }
    },
  }
}

const NONE = 'no MCP servers are configured here (set MCP_CONFIG_PATH)'

function needsInput(name: string): BrokerError {
  return new BrokerError('upstream-refused', `tool “${name}” requests input, which only MCP clients can give`)
}

function toolFilter({ search = '', server }: Params<'mcp.list_tools'>): (tool: ListedTool) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return ({ server: owner, definition: { name, title, description } }) => {
    const text = `${name} ${title ?? ''} ${description ?? ''}`.toLowerCase()
    return (server === undefined || owner === server) && words.every((word) => text.includes(word))
  }
}

function toolRow({ server, definition, price }: ListedTool): Result<'mcp.list_tools'>['tools'][number] {
  const { name, title, description, inputSchema, outputSchema, annotations } = definition
  return {
    name,
    server,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    inputSchema,
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(price === undefined ? {} : { price_usd: usdText(price) }),
  }
}

function serverRows(
  servers: ReturnType<McpGateway['servers']>,
  heldTools: ReturnType<McpGateway['heldTools']>,
): Result<'mcp.servers'> {
  const held = Map.groupBy(heldTools, ({ server }) => server)
  return servers.map(({ name, state, problem, era, callsRunning, warnings, inherits, ...counts }) => ({
    name,
    state,
    ...(problem === undefined ? {} : { problem }),
    ...(era === undefined ? {} : { era }),
    tools: counts.tools,
    connections: counts.connections,
    restarts: counts.restarts,
    calls_running: callsRunning,
    warnings: [...warnings],
    ...(inherits.length === 0 ? {} : { inherits: [...inherits] }),
    held: (held.get(name) ?? []).map(({ tool, reason }) => ({ tool, reason })),
  }))
}

/** The entries of the MCP file that can't be used. */
function leftOutRows(problems: readonly EntryProblem[]): Result<'mcp.servers'> {
  const counts = { tools: 0, connections: 0, restarts: 0, calls_running: 0 }
  return problems
    .filter(({ server }) => server !== '*')
    .map(({ server, reason }) => ({
      name: server,
      state: 'invalid',
      problem: reason,
      ...counts,
      warnings: [],
      held: [],
    }))
}
