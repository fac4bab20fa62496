import { z } from 'zod'

import type { Method } from '../method.ts'
import { count, usd } from '../units.ts'

/** Names and fields of tools and of their results are MCP's own. */
const tool = z
  .object({
    name: z.string().describe('The name to call it by.'),
    server: z.string().describe('The MCP server that offers it.'),
    title: z.string().optional(),
    description: z.string().optional(),
    inputSchema: z.looseObject({ type: z.literal('object') }).describe('JSON Schema of its arguments.'),
    outputSchema: z.looseObject({}).optional(),
    annotations: z.looseObject({}).optional(),
    price_usd: usd.optional().describe('The price of one call, as configured; absent when unknown.'),
  })
  .meta({ id: 'Tool' })

const unavailable = z.object({
  server: z.string().describe('`*` when it is the configuration file itself.'),
  reason: z.string(),
})

const toolResult = z
  .looseObject({
    content: z.array(z.looseObject({ type: z.string() })),
    structuredContent: z.looseObject({}).optional(),
    isError: z.boolean().optional().describe('Whether the tool itself reports an error.'),
  })
  .meta({ id: 'ToolResult' })

const server = z
  .object({
    name: z.string(),
    state: z
      .enum(['stopped', 'starting', 'ready', 'backoff', 'disabled', 'invalid'])
      .describe('`stopped`: started again on demand. `invalid`: its entry in the MCP file can’t be used.'),
    problem: z.string().optional().describe('Why it is down or incomplete.'),
    era: z
      .enum(['legacy', 'modern'])
      .optional()
      .describe('Protocol revisions with sessions (`legacy`) or without (`modern`).'),
    tools: count,
    connections: count,
    restarts: count,
    calls_running: count,
    warnings: z.array(z.string()),
    inherits: z
      .array(z.string())
      .optional()
      .describe('The variables of the broker that its program inherits; an administrator’s.'),
    held: z
      .array(z.object({ tool: z.string(), reason: z.enum(['new', 'changed']) }))
      .describe('Tools that cannot be called until an administrator approves them.'),
  })
  .meta({ id: 'McpServer' })

export const mcpMethods = {
  'mcp.list_tools': {
    summary: 'The tools of all MCP servers that the caller may use',
    params: z.strictObject({
      search: z
        .string()
        .optional()
        .describe('Words that must all occur in the name, the title or the description.'),
      server: z.string().optional().describe('Only tools of this server.'),
    }),
    result: z.object({
      tools: z.array(tool),
      unavailable: z.array(unavailable).describe('Servers whose tools may be missing, and why.'),
    }),
    errors: [],
    role: 'caller',
    example: {
      params: { search: 'search' },
      result: {
        tools: [
          {
            name: 'serper__web_search',
            server: 'serper',
            description: 'Searches the web.',
            inputSchema: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
            price_usd: '0.001',
          },
        ],
        unavailable: [],
      },
    },
  },
  'mcp.call_tool': {
    summary: 'Calls a tool and waits for its result; the call is an entry in the ledger',
    params: z.strictObject({
      name: z.string().describe('As `mcp.list_tools` lists it.'),
      arguments: z.record(z.string(), z.unknown()).optional(),
    }),
    result: toolResult,
    errors: [
      'not-found',
      'over-limit',
      'store-full',
      'upstream-down',
      'upstream-busy',
      'upstream-timeout',
      'upstream-refused',
      'upstream-failed',
    ],
    role: 'caller',
    allowsLargeParams: true,
    example: {
      params: { name: 'ping__ping', arguments: { message: 'hello' } },
      result: { content: [{ type: 'text', text: 'hello' }] },
    },
  },
  'mcp.servers': {
    summary: 'Every configured MCP server and its state',
    description:
      'A caller sees the servers of which it may use something, with the number of its own tools; connections, restarts, calls, warnings and held tools are an administrator’s.',
    params: z.strictObject({}),
    result: z.array(server),
    errors: [],
    role: 'caller',
    example: {
      params: {},
      result: [
        {
          name: 'serper',
          state: 'ready',
          era: 'modern',
          tools: 4,
          connections: 1,
          restarts: 0,
          calls_running: 0,
          warnings: [],
          held: [],
        },
      ],
    },
  },
  'mcp.approve_tool': {
    summary: 'Allows callers to use a tool that is held back because it is new or changed',
    description:
      'Review its definition first: a changed tool may give models other instructions than before.',
    params: z.strictObject({
      server: z.string(),
      tool: z.string().describe('As `held` of `mcp.servers` names it.'),
    }),
    result: z.object({ approved: z.literal(true) }),
    errors: ['not-found', 'upstream-down'],
    role: 'admin',
    example: { params: { server: 'serper', tool: 'web_search' }, result: { approved: true } },
  },
} as const satisfies Record<string, Method>
