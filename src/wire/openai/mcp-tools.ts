import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { parseUsd, type Money } from '../../base/money.ts'
import { fieldError } from './field-error.ts'

/** Tools of the broker that a chat may use, from one entry `{"type": "mcp", …}` of its `tools`. */
export interface McpToolEntry {
  /** Only tools of this server; of all servers by default. */
  readonly server: string | undefined
  /** Patterns of tool names, with or without the server in front; every tool by default. */
  readonly allowed: readonly string[] | undefined
  /** Limits below those of the configuration. */
  readonly maxRounds: number | undefined
  readonly maxCost: Money | undefined
}

/** Field names are those of OpenAI's MCP tool, where it has them. */
const names = z.array(z.string().min(1))
const entry = z.strictObject({
  type: z.literal('mcp'),
  server_label: z.string().min(1).nullish(),
  allowed_tools: z.union([names, z.strictObject({ tool_names: names })]).nullish(),
  require_approval: z
    .literal('never', 'must be “never”: the broker cannot ask for approval during a response')
    .nullish(),
  max_rounds: z.int().min(1).nullish(),
  max_cost_usd: z.union([z.string(), z.number()]).nullish(),
})

/** Whether a request names tools of the broker. Cheap, because it runs for every chat. */
export function hasMcpTools(tools: unknown): tools is readonly unknown[] {
  return Array.isArray(tools) && tools.some(isMcp)
}

/** Separates the broker's tools from the caller's own. Throws `bad-request` naming the field. */
export function splitTools(tools: unknown): {
  readonly mcp: readonly McpToolEntry[]
  readonly own: readonly unknown[]
} {
  const all: readonly unknown[] = Array.isArray(tools) ? tools : []
  return {
    mcp: all.flatMap((tool, at) => (isMcp(tool) ? [readMcpTool(tool, at)] : [])),
    own: all.filter((tool) => !isMcp(tool)),
  }
}

function isMcp(tool: unknown): boolean {
  return typeof tool === 'object' && tool !== null && 'type' in tool && tool.type === 'mcp'
}

function readMcpTool(tool: unknown, at: number): McpToolEntry {
  if (typeof tool === 'object' && tool !== null && 'server_url' in tool)
    throw new BrokerError(
      'bad-request',
      `tools[${at}].server_url: servers come from the broker's own configuration; name one with server_label`,
    )
  const parsed = entry.safeParse(tool)
  if (!parsed.success) throw fieldError(entry, tool, ['tools', at])
  const { server_label, allowed_tools, max_rounds, max_cost_usd } = parsed.data
  return {
    server: server_label ?? undefined,
    allowed: Array.isArray(allowed_tools) ? allowed_tools : allowed_tools?.tool_names,
    maxRounds: max_rounds ?? undefined,
    maxCost: max_cost_usd === null || max_cost_usd === undefined ? undefined : readCost(max_cost_usd, at),
  }
}

function readCost(value: string | number, at: number): Money {
  try {
    return parseUsd(value)
  } catch (cause) {
    throw new BrokerError('bad-request', `tools[${at}].max_cost_usd: not an amount of US dollars`, { cause })
  }
}
