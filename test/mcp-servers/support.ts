import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { servers as loaders } from '../../src/mcp-servers/index.ts'
import { mcpFactory } from '../../src/mcp-servers/shared/server.ts'
import type { OpenServer, BundledServer } from '../../src/mcp-servers/shared/server.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Clock } from '../../src/base/clock.ts'

export type Era = 'legacy' | 'auto'

/** Every bundled server, in the order of the list. */
export const servers: readonly BundledServer[] = await Promise.all(
  Object.values(loaders).map((load) => load()),
)

const repository = fileURLToPath(new URL('../../', import.meta.url))

export const binOf = (name: string): string => join(repository, 'bin', `${name}.js`)

export interface Connected extends AsyncDisposable {
  readonly client: Client
  tool(name: string, args?: Record<string, unknown>): Promise<Called>
}

export interface Called {
  readonly isError: boolean
  readonly data: Record<string, unknown>
  readonly text: string
  readonly blocks: readonly Record<string, unknown>[]
}

/** Starts the real program and connects over its standard input and output. */
export async function startProgram(
  name: string,
  { era = 'auto', env = {} }: { era?: Era; env?: Record<string, string> } = {},
): Promise<Connected & { readonly pid: number }> {
  const transport = new StdioClientTransport({ command: process.execPath, args: [binOf(name)], env })
  const connected = await connect(transport, era)
  return Object.assign(connected, { pid: transport.pid ?? 0 })
}

/** Opens a server inside this process and connects through its HTTP handler, without a socket. */
export async function openInProcess(
  server: BundledServer,
  env: Record<string, string>,
  { era = 'auto', clock = systemClock }: { era?: Era; clock?: Clock } = {},
): Promise<Connected> {
  const open: OpenServer = server.open({ env, clock, random: () => 0 })
  const handler = createMcpHandler(mcpFactory(server, open, { clock, version: '1' }))
  const transport = new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), {
    fetch: (url, init) => handler.fetch(new Request(url, init)),
  })
  return connect(transport, era, async () => {
    await handler.close()
  })
}

async function connect(
  transport: StdioClientTransport | StreamableHTTPClientTransport,
  era: Era,
  onClose: () => Promise<void> = async () => {},
): Promise<Connected> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } })
  await client.connect(transport)
  return {
    client,
    async tool(name, args = {}) {
      const result = await client.callTool({ name, arguments: args })
      const blocks = result.content as unknown as Record<string, unknown>[]
      const first = blocks[0]
      return {
        isError: result.isError === true,
        data: (result.structuredContent ?? {}) as Record<string, unknown>,
        text: typeof first?.['text'] === 'string' ? first['text'] : '',
        blocks,
      }
    },
    async [Symbol.asyncDispose]() {
      await client.close()
      await onClose()
    },
  }
}
