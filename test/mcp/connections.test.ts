import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createMcpGateway } from '../../src/mcp/mcp-gateway.ts'
import { startMcpServer, startHttpFixture } from '../server/mcp/support.ts'
import { alice, bob, gatewayOf, program, silentLog, temporaryFolder, textOf, toolNames } from './support.ts'

test('a server is started on first use, and only once for concurrent calls', async () => {
  await using gateway = await gatewayOf({ raw: program('raw') })
  expect(gateway.servers()).toMatchObject([{ state: 'stopped', connections: 0 }])
  const pids = await Promise.all(
    Array.from({ length: 8 }, () => gateway.callTool(alice, 'raw__pid', {}).then(textOf)),
  )
  expect(new Set(pids).size).toBe(1)
})

test('an idle server is stopped, stays in the list, and is restarted by a call', async () => {
  await using gateway = await gatewayOf({ raw: program('raw', {}, { idleMs: 200 }) })
  const pid = textOf(await gateway.callTool(alice, 'raw__pid', {}))
  await expect.poll(() => gateway.servers()[0]).toMatchObject({ state: 'stopped', connections: 0 })
  expect(await toolNames(gateway)).toContain('raw__pid')
  expect(gateway.servers()[0]).toMatchObject({ connections: 0 })
  expect(textOf(await gateway.callTool(alice, 'raw__pid', {}))).not.toBe(pid)
})

test('a server configured as shared serves all callers from one process', async () => {
  await using gateway = await gatewayOf({ raw: program('raw', {}, { shared: true }) })
  const pids = await Promise.all(
    [alice, bob].map((caller) => gateway.callTool(caller, 'raw__pid', {}).then(textOf)),
  )
  expect(pids[0]).toBe(pids[1])
  expect(gateway.servers()).toMatchObject([{ connections: 1 }])
})

test('a caller above maxConnections replaces an idle connection', async () => {
  await using gateway = await gatewayOf({ raw: program('raw', {}, { maxConnections: 1 }) })
  await gateway.callTool(alice, 'raw__remember', { what: 'x' })
  expect(textOf(await gateway.callTool(bob, 'raw__recall', {}))).toBe('nothing')
  await expect.poll(() => gateway.servers()[0]?.connections).toBe(2)
})

test('a changed configuration file is reloaded and unchanged servers keep running', async () => {
  using folder = temporaryFolder()
  const configPath = `${folder.path}/servers.json`
  const write = (servers: object | string): void =>
    writeFileSync(configPath, typeof servers === 'string' ? servers : JSON.stringify({ mcpServers: servers }))
  write({ one: program('raw'), two: program('raw') })
  const gateway = await createMcpGateway({ configPath, version: '0', clock: systemClock, log: silentLog })
  try {
    const pid = textOf(await gateway.callTool(alice, 'one__pid', {}))
    await gateway.callTool(alice, 'two__echo', {})
    const changes: string[] = []
    gateway.onListChanged((kind) => changes.push(kind))
    write({ one: program('raw'), three: program('raw') })
    await expect.poll(() => gateway.servers().map(({ name }) => name)).toEqual(['one', 'three'])
    expect(changes).toContain('tools')
    expect(textOf(await gateway.callTool(alice, 'one__pid', {}))).toBe(pid)
    expect(textOf(await gateway.callTool(alice, 'three__echo', {}))).toBe('{}')
    await expect(gateway.callTool(alice, 'two__echo', {})).rejects.toMatchObject({ code: 'not-found' })
    write('{ half a fi')
    await expect
      .poll(() => gateway.unavailable())
      .toMatchObject([{ server: '*', reason: expect.stringContaining('JSON') }])
    expect(textOf(await gateway.callTool(alice, 'one__pid', {}))).toBe(pid)
  } finally {
    await gateway.close()
  }
})

test('a missing configuration file is named in the error', async () => {
  const gateway = createMcpGateway({
    configPath: '/no/such/file',
    version: '0',
    clock: systemClock,
    log: silentLog,
  })
  await expect(gateway).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining('/no/such/file'),
  })
})

test('a call is repeated in a new session when an HTTP server lost the session', async () => {
  await using fixture = await startHttpFixture()
  await using gateway = await gatewayOf({ http: { url: fixture.url, era: 'legacy' } })
  expect(textOf(await gateway.callTool(alice, 'http__test_simple_text', {}))).toContain('simple text')
  await fetch(new URL('/forget-sessions', fixture.url))
  expect(textOf(await gateway.callTool(alice, 'http__test_simple_text', {}))).toContain('simple text')
})

test('an HTTP server that stops is down until it is reachable again', async () => {
  using folder = temporaryFolder()
  const socket = `${folder.path}/s`
  const first = await startHttpFixture(socket)
  await using gateway = await gatewayOf({ http: { url: `unix:${socket}` } }, { random: () => 0 })
  const call = () =>
    gateway.callTool(alice, 'http__test_simple_text', {}).then(textOf, ({ code }) => String(code))
  expect(await call()).toContain('simple text')
  await first[Symbol.asyncDispose]()
  expect(await call()).toMatch(/^upstream-/)
  await using _second = await startHttpFixture(socket)
  await expect.poll(call, { timeout: 10_000 }).toContain('simple text')
})

test('a server of the 2024 revision is reached over its SSE stream', async () => {
  await using old = await startMcpServer({ raw: program('raw', {}, { prefix: false }) })
  await using gateway = await gatewayOf({ old: { type: 'sse', url: `${old.url}/mcp/sse` } })
  expect(textOf(await gateway.callTool(alice, 'old__echo', { a: 1 }))).toBe('{"a":1}')
})

test('redirects to another origin are not followed, so credentials in headers reach the configured one only', async () => {
  const requested: string[] = []
  const elsewhere = createServer((request, response) => {
    requested.push(request.url ?? '')
    // Another name is another origin.
    const location = `http://localhost:${String(request.socket.localPort)}/stolen`
    response.writeHead(307, { location }).end()
  })
  elsewhere.listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const { port } = elsewhere.address() as AddressInfo
  await using gateway = await gatewayOf({
    moved: { url: `http://127.0.0.1:${port}/mcp`, headers: { key: 'k' } },
  })
  expect((await gateway.listTools(alice)).unavailable).toMatchObject([{ server: 'moved' }])
  elsewhere.close()
  expect(new Set(requested)).toEqual(new Set(['/mcp']))
})

test('prompts and resources of all servers are one list each, with equal URIs distinguished', async () => {
  const fixture = program('conformance-stdio')
  await using gateway = await gatewayOf({ one: fixture, two: fixture })
  const prompts = (await gateway.listPrompts(alice)).map(({ name }) => name)
  expect(prompts).toContain('one__test_simple_prompt')
  const { messages } = (await gateway.getPrompt(alice, 'two__test_simple_prompt', {})) as {
    messages: object[]
  }
  expect(messages).toHaveLength(1)
  const uris = (await gateway.listResources(alice)).map(({ uri }) => uri)
  expect(uris).toContain('hero-mcp://one/test%3A%2F%2Fstatic-text')
  const read = await gateway.readResource(alice, 'hero-mcp://two/test%3A%2F%2Fstatic-text')
  expect(read).toMatchObject({ contents: [{ text: 'This is the content of the static text resource.' }] })
  await expect(gateway.readResource(alice, 'test://nowhere')).rejects.toMatchObject({ code: 'not-found' })
})

test('the requestState of one caller is rejected from another', async () => {
  await using gateway = await gatewayOf({ s: program('conformance-stdio') })
  const name = 's__test_input_required_result_request_state'
  const clientCapabilities = { elicitation: {} }
  const requested = (await gateway.callTool(alice, name, {}, { clientCapabilities })) as {
    requestState: string
  }
  const again = {
    clientCapabilities,
    requestState: requested.requestState,
    inputResponses: { confirm: { action: 'accept', content: { ok: true } } },
  }
  await expect(gateway.callTool(bob, name, {}, again)).rejects.toMatchObject({ code: 'bad-request' })
  expect(textOf(await gateway.callTool(alice, name, {}, again))).toBe('state-ok')
})
