import { McpServer } from '@modelcontextprotocol/server'
import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import { redactor } from './http/redact.ts'
import { register } from './tool.ts'
import type { Tool } from './tool.ts'

/** What a server may use of the process it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
}

/** One MCP server we ship: a row in `servers/index.ts`. */
export interface ServerOfOurs {
  readonly name: string
  readonly title: string
  /** For the model: what the tools of this server are for. */
  readonly instructions: string
  open(surroundings: Surroundings): OpenServer
}

/** A server with its keys read and its tools ready; lives as long as the process. */
export interface OpenServer {
  readonly tools: readonly Tool[]
  /** Never to be seen in a result. */
  readonly secrets: readonly Secret[]
}

const LIST_TTL_MS = 3_600_000

/** Makes a fresh protocol instance per connection or request, over the same keys and tools. */
export function mcpFactory(
  server: ServerOfOurs,
  open: OpenServer,
  { clock, version }: { clock: Clock; version: string },
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
      register(instance, tool, { provider: server.name.replace(/^mcp_/, ''), era, redact, clock })
    return instance
  }
}
