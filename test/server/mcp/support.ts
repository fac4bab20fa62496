import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ToolCaller } from '../../../src/mcp/policy/tool-policy.ts'
import { createHttpServer } from '../../../src/server/http/http-server.ts'
import { registerMcpRoutes } from '../../../src/server/mcp/mcp-routes.ts'
import { BrokerError } from '../../../src/base/errors.ts'
import { gatewayOf } from '../../mcp/support.ts'

/** In these tests a header identifies callers; `nobody` is refused. */
function findCaller({ headers }: { headers: Record<string, unknown> }): ToolCaller {
  const context = headers['x-hero-context']
  if (context === 'nobody') throw new BrokerError('unauthorized', 'who are you?')
  return { ip: 'local', context: typeof context === 'string' ? context : undefined }
}

/** An MCP server in front of the given upstream servers, on a local port or on a Unix socket. */
export async function startMcpServer(
  servers: object,
  { socket, ...options }: { socket?: string } & Parameters<typeof gatewayOf>[1] = {},
) {
  const toolBroker = await gatewayOf(servers, options)
  const app = createHttpServer({ name: 'test', bodyLimit: 1024 * 1024, trustForwarded: true })
  await registerMcpRoutes(app, { toolBroker, authenticate: findCaller })
  const url = await app.listen(socket === undefined ? { host: '127.0.0.1', port: 0 } : { path: socket })
  return {
    toolBroker,
    url: url.replace('127.0.0.1', 'localhost'),
    async [Symbol.asyncDispose]() {
      await app.close()
      await toolBroker.close()
    },
  }
}

/** The conformance fixture as an HTTP server of its own. Resolves once it listens. */
export async function startHttpFixture(socket?: string, revisions: 'all' | 'modern-only' = 'all') {
  const file = fileURLToPath(new URL('../../mcp/servers/conformance-http.ts', import.meta.url))
  const child = spawn(process.execPath, [file, socket ?? '0', revisions], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [output] = (await once(child.stdout, 'data')) as [Buffer]
  const url = socket === undefined ? `http://127.0.0.1:${output.toString().trim()}/mcp` : `unix:${socket}`
  return { url, child, [Symbol.asyncDispose]: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

interface Verdict {
  readonly code: number
  readonly failed: string[]
}

/**
 * Runs the official suite against an endpoint and returns its exit code and the failed lines of its summary. The suite has its
 * own timeouts (half a second for a notification), so a failed run is repeated once: the machine may be busy.
 */
export async function runConformance(url: string, args: readonly string[]): Promise<Verdict> {
  const verdict = await runOnce(url, args)
  return verdict.code === 0 ? verdict : runOnce(url, args)
}

async function runOnce(url: string, args: readonly string[]): Promise<Verdict> {
  const file = fileURLToPath(new URL('../../../node_modules/.bin/conformance', import.meta.url))
  const child = spawn(process.execPath, [file, 'server', '--url', `${url}/mcp`, ...args], { stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code]: number[] = await once(child, 'close')
  const summary = output.slice(output.indexOf('=== SUMMARY ==='))
  const all = summary.split('Not scored')[0] ?? ''
  const lines = all.split('\n').filter((line) => /^[✓✗]/.test(line))
  if (lines.length === 0) throw new Error(`the suite did not run:\n${output.slice(-2000)}`)
  return { code: code ?? 1, failed: lines.filter((line) => line.startsWith('✗')) }
}
