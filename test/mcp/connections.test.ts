import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createToolBroker } from '../../src/mcp/mcp-gateway.ts'
import { startDoor, startHttpFixture } from '../server/mcp/support.ts'
import { alice, bob, brokerOf, program, quiet, temporaryFolder, textOf, toolNames } from './support.ts'

test('a server is started on first use, and only once for concurrent calls', async () => {
  await using broker = await brokerOf({ raw: program('raw') })
  expect(broker.servers()).toMatchObject([{ state: 'stopped', connections: 0 }])
  const pids = await Promise.all(
    Array.from({ length: 8 }, () => broker.callTool(alice, 'raw__pid', {}).then(textOf)),
  )
  expect(new Set(pids).size).toBe(1)
})

test('an idle server is stopped, stays in the list, and is restarted by a call', async () => {
  await using broker = await brokerOf({ raw: program('raw', {}, { idleMs: 200 }) })
  const pid = textOf(await broker.callTool(alice, 'raw__pid', {}))
  await expect.poll(() => broker.servers()[0]).toMatchObject({ state: 'stopped', connections: 0 })
  expect(await toolNames(broker)).toContain('raw__pid')
  expect(broker.servers()[0]).toMatchObject({ connections: 0 })
  expect(textOf(await broker.callTool(alice, 'raw__pid', {}))).not.toBe(pid)
})

test('a server configured as shared serves all callers from one process', async () => {
  await using broker = await brokerOf({ raw: program('raw', {}, { shared: true }) })
  const pids = await Promise.all(
    [alice, bob].map((caller) => broker.callTool(caller, 'raw__pid', {}).then(textOf)),
  )
  expect(pids[0]).toBe(pids[1])
  expect(broker.servers()).toMatchObject([{ connections: 1 }])
})

test('a caller above maxConnections replaces an idle connection', async () => {
  await using broker = await brokerOf({ raw: program('raw', {}, { maxConnections: 1 }) })
  await broker.callTool(alice, 'raw__remember', { what: 'x' })
  expect(textOf(await broker.callTool(bob, 'raw__recall', {}))).toBe('nothing')
  await expect.poll(() => broker.servers()[0]?.connections).toBe(2)
})

test('a changed configuration file is reloaded and unchanged servers keep running', async () => {
  using folder = temporaryFolder()
  const configPath = `${folder.path}/servers.json`
  const write = (servers: object | string): void =>
    writeFileSync(configPath, typeof servers === 'string' ? servers : JSON.stringify({ mcpServers: servers }))
  write({ one: program('raw'), two: program('raw') })
  const broker = await createToolBroker({ configPath, version: '0', clock: systemClock, log: quiet })
  try {
    const pid = textOf(await broker.callTool(alice, 'one__pid', {}))
    await broker.callTool(alice, 'two__echo', {})
    const changes: string[] = []
    broker.onListChanged((kind) => changes.push(kind))
    write({ one: program('raw'), three: program('raw') })
    await expect.poll(() => broker.servers().map(({ name }) => name)).toEqual(['one', 'three'])
    expect(changes).toContain('tools')
    expect(textOf(await broker.callTool(alice, 'one__pid', {}))).toBe(pid)
    expect(textOf(await broker.callTool(alice, 'three__echo', {}))).toBe('{}')
    await expect(broker.callTool(alice, 'two__echo', {})).rejects.toMatchObject({ code: 'not-found' })
    write('{ half a fi')
    await expect
      .poll(() => broker.unavailable())
      .toMatchObject([{ server: '*', reason: expect.stringContaining('JSON') }])
    expect(textOf(await broker.callTool(alice, 'one__pid', {}))).toBe(pid)
  } finally {
    await broker.close()
  }
})

test('a missing configuration file is named in the error', async () => {
  const broker = createToolBroker({
    configPath: '/no/such/file',
    version: '0',
    clock: systemClock,
    log: quiet,
  })
  await expect(broker).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining('/no/such/file'),
  })
})

test('a call is repeated in a new session when an HTTP server lost the session', async () => {
  await using fixture = await startHttpFixture()
  await using broker = await brokerOf({ http: { url: fixture.url, era: 'legacy' } })
  expect(textOf(await broker.callTool(alice, 'http__test_simple_text', {}))).toContain('simple text')
  await fetch(new URL('/forget-sessions', fixture.url))
  expect(textOf(await broker.callTool(alice, 'http__test_simple_text', {}))).toContain('simple text')
})

test('an HTTP server that stops is down until it is reachable again', async () => {
  using folder = temporaryFolder()
  const socket = `${folder.path}/s`
  const first = await startHttpFixture(socket)
  await using broker = await brokerOf({ http: { url: `unix:${socket}` } }, { random: () => 0 })
  const call = () =>
    broker.callTool(alice, 'http__test_simple_text', {}).then(textOf, ({ code }) => String(code))
  expect(await call()).toContain('simple text')
  await first[Symbol.asyncDispose]()
  expect(await call()).toMatch(/^upstream-/)
  await using _second = await startHttpFixture(socket)
  await expect.poll(call, { timeout: 10_000 }).toContain('simple text')
})

test('a server of the 2024 revision is reached over its SSE stream', async () => {
  await using old = await startDoor({ raw: program('raw', {}, { prefix: false }) })
  await using broker = await brokerOf({ old: { type: 'sse', url: `${old.url}/mcp/sse` } })
  expect(textOf(await broker.callTool(alice, 'old__echo', { a: 1 }))).toBe('{"a":1}')
})

test('redirects are not followed, so credentials in headers reach the configured URL only', async () => {
  const asked: string[] = []
  const elsewhere = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(307, { location: '/stolen' }).end()
  })
  elsewhere.listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const { port } = elsewhere.address() as AddressInfo
  await using broker = await brokerOf({
    moved: { url: `http://127.0.0.1:${port}/mcp`, headers: { key: 'k' } },
  })
  expect((await broker.listTools(alice)).unavailable).toMatchObject([{ server: 'moved' }])
  elsewhere.close()
  expect(new Set(asked)).toEqual(new Set(['/mcp']))
})

test('prompts and resources of all servers are one list each, with equal URIs distinguished', async () => {
  const fixture = program('conformance-stdio')
  await using broker = await brokerOf({ one: fixture, two: fixture })
  const prompts = (await broker.listPrompts(alice)).map(({ name }) => name)
  expect(prompts).toContain('one__test_simple_prompt')
  const { messages } = (await broker.getPrompt(alice, 'two__test_simple_prompt', {})) as {
    messages: object[]
  }
  expect(messages).toHaveLength(1)
  const uris = (await broker.listResources(alice)).map(({ uri }) => uri)
  expect(uris).toContain('hero-mcp://one/test%3A%2F%2Fstatic-text')
  const read = await broker.readResource(alice, 'hero-mcp://two/test%3A%2F%2Fstatic-text')
  expect(read).toMatchObject({ contents: [{ text: 'This is the content of the static text resource.' }] })
  await expect(broker.readResource(alice, 'test://nowhere')).rejects.toMatchObject({ code: 'not-found' })
})

test('the requestState of one caller is rejected from another', async () => {
  await using broker = await brokerOf({ s: program('conformance-stdio') })
  const name = 's__test_input_required_result_request_state'
  const clientCapabilities = { elicitation: {} }
  const asked = (await broker.callTool(alice, name, {}, { clientCapabilities })) as { requestState: string }
  const again = {
    clientCapabilities,
    requestState: asked.requestState,
    inputResponses: { confirm: { action: 'accept', content: { ok: true } } },
  }
  await expect(broker.callTool(bob, name, {}, again)).rejects.toMatchObject({ code: 'bad-request' })
  expect(textOf(await broker.callTool(alice, name, {}, again))).toBe('state-ok')
})
