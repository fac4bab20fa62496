import { McpServer } from '@modelcontextprotocol/server'
import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import { redactor } from './http/redact.ts'
import { RunningCalls } from './serve/running-calls.ts'
import { register } from './tool.ts'
import type { Tool } from './tool.ts'

/** The environment, clock and random numbers of the process that a server runs in. */
export interface ServerDependencies {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Returns a number in [0, 1), for jitter. */
  readonly random: () => number
  /** Whether anybody who reaches the server's address may call, and not only the process that started it. */
  readonly isShared?: boolean | undefined
}

/** A bundled MCP server: a row in `mcp-servers/index.ts`. */
export interface BundledServer {
  readonly name: string
  readonly title: string
  /** Tells the model what the tools of this server are for. */
  readonly instructions: string
  /** Reads the keys and settings. Throws `bad-request` naming an invalid variable. */
  open(dependencies: ServerDependencies): OpenServer
}

/** A server with its keys and tools, for the lifetime of the process. */
export interface OpenServer {
  readonly tools: readonly Tool[]
  /** Keys that are redacted in every result. */
  readonly secrets: readonly Secret[]
}

const LIST_TTL_MS = 3_600_000

/** Returns a factory of protocol instances, one per connection or request, that share the keys and tools. */
export function mcpFactory(
  server: BundledServer,
  open: OpenServer,
  {
    clock,
    version,
    calls = new RunningCalls(),
  }: { clock: Clock; version: string; calls?: RunningCalls | undefined },
) {
  const redact = redactor(open.secrets)
  return ({ era }: { readonly era: 'legacy' | 'modern' }): McpServer => {
    const instance = new McpServer(
      { name: server.name, title: server.title, version },
      {
        instructions: server.instructions,
        cacheHints: { 'tools/list': { ttlMs: LIST_TTL_MS, cacheScope: 'public' } },
      },
    )
    for (const tool of open.tools)
      register(instance, tool, { provider: server.name.replace(/^mcp_/, ''), era, redact, clock, calls })
    return instance
  }
}
