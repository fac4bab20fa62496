import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { Client, type Transport, parseJSONRPCMessage, serializeMessage } from '@modelcontextprotocol/client'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { bridgeMcp } from '../../src/cli/tools/mcp-bridge.ts'
import { startMcpHost } from '../../src/mcp-host/start.ts'
import { startMcpServer } from '../server/mcp/support.ts'
import { alice, gatewayOf, program, silentLog, temporaryFolder, textOf } from '../mcp/support.ts'

/** An MCP client on the standard streams of `hero_aibroker mcp`, like that of a desktop application. */
async function desktopClient(socketPath: string, mode: 'legacy' | { pin: string }) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const bridge = bridgeMcp({ socketPath, input, output })
  let rest = ''
  const transport: Transport = {
    start() {
      output.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) transport.onmessage?.(parseJSONRPCMessage(JSON.parse(line)))
      })
      return Promise.resolve()
    },
    send: (message) => Promise.resolve(void input.write(serializeMessage(message))),
    async close() {
      input.end()
      await bridge
      transport.onclose?.()
    },
  }
  const client = new Client({ name: 'desktop', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(transport)
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}

describe.each([
  ['2026-07-28', { pin: '2026-07-28' }],
  ['2025-11-25', 'legacy' as const],
])('hero_aibroker mcp with a client of %s', (_, mode) => {
  test('lists tools, calls them and forwards a cancellation', async () => {
    using folder = temporaryFolder()
    const socket = `${folder.path}/rest.sock`
    await using server = await startMcpServer({ raw: program('raw') }, { socket })
    await using client = await desktopClient(socket, mode)
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('raw__echo')
    expect(textOf(await client.callTool({ name: 'raw__echo', arguments: { a: 1 } }))).toBe('{"a":1}')
    const leave = new AbortController()
    const hanging = client.callTool({ name: 'raw__hang' }, { signal: leave.signal }).catch(() => 'left')
    await expect.poll(() => server.toolBroker.servers()[0]?.callsRunning).toBe(1)
    leave.abort()
    expect(await hanging).toBe('left')
    await expect.poll(() => server.toolBroker.servers()[0]?.callsRunning).toBe(0)
  })

  test('ends its session when the client closes the input', async () => {
    using folder = temporaryFolder()
    const socket = `${folder.path}/rest.sock`
    await using server = await startMcpServer({ raw: program('raw', {}, { idleMs: 400 }) }, { socket })
    {
      await using client = await desktopClient(socket, mode)
      await client.callTool({ name: 'raw__echo' })
    }
    await expect.poll(() => server.toolBroker.servers()[0]?.connections, { timeout: 5000 }).toBe(0)
  })
})

test('hero_aibroker mcp names the socket path when no broker is running', async () => {
  using folder = temporaryFolder()
  const socketPath = `${folder.path}/rest.sock`
  const [input, output] = [new PassThrough(), new PassThrough()]
  const bridge = bridgeMcp({ socketPath, input, output })
  input.write('{"jsonrpc":"2.0","id":7,"method":"ping"}\n')
  const [answer] = (await once(output, 'data')) as [Buffer]
  const error = { message: `no broker answers at ${socketPath}; start one with hero_aibroker_server` }
  expect(JSON.parse(answer.toString())).toMatchObject({ id: 7, error })
  input.end()
  await bridge
})

test('hero_aibroker_services serves each server on a socket of its own and all of them on one', async () => {
  using folder = temporaryFolder()
  const mcpConfigPath = `${folder.path}/servers.json`
  const configure = (mcpServers: object): void => writeFileSync(mcpConfigPath, JSON.stringify({ mcpServers }))
  configure({ one: program('raw'), two: program('raw') })
  const config = {
    socketDir: folder.path,
    dataDir: `${folder.path}/data`,
    mcpConfigPath,
    bodyLimitBytes: 1024 * 1024,
    drainTimeoutMs: 1000,
  }
  const log = { ...silentLog, error: () => undefined }
  const host = await startMcpHost({ config, environment: {}, clock: systemClock, log })
  const sockets = `${folder.path}/hero_aibroker_services`
  const open = (): string[] => readdirSync(sockets).filter((name) => name.endsWith('.sock'))
  try {
    expect(open().sort()).toEqual(['mcp.sock', 'mcp_one.sock', 'mcp_two.sock'])
    await using broker = await gatewayOf({
      all: { url: `unix:${sockets}/mcp.sock` },
      alone: { url: `unix:${sockets}/mcp_one.sock` },
    })
    const names = (await broker.listTools(alice)).tools.map(({ definition }) => definition.name)
    expect(names).toEqual(expect.arrayContaining(['all__one__echo', 'all__two__echo', 'alone__echo']))
    expect(names.filter((name) => name.startsWith('alone__'))).toHaveLength(16)
    const pids = ['all__one__pid', 'alone__pid'].map((name) => broker.callTool(alice, name, {}).then(textOf))
    expect(new Set(await Promise.all(pids)).size).toBe(1)
    configure({ one: program('raw'), three: program('raw') })
    await expect.poll(() => open().sort()).toEqual(['mcp.sock', 'mcp_one.sock', 'mcp_three.sock'])
    expect(existsSync(`${config.dataDir}/mcp-pins.json`)).toBe(true)
  } finally {
    await host.close()
  }
  expect(open()).toEqual([])
})
