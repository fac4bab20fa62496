import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { program, temporaryFolder, textOf } from '../../mcp/support.ts'
import { startMcpServer, startHttpFixture } from './support.ts'

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const raw = { raw: program('raw') }

async function connected(
  transport: StreamableHTTPClientTransport | SSEClientTransport,
  options: ConstructorParameters<typeof Client>[1] = {},
) {
  const client = new Client({ name: 'test', version: '1' }, options)
  await client.connect(transport)
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}

const overHttp = (url: string, context = 'alice') =>
  new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit: { headers: { 'x-hero-context': context } },
  })

describe('the plain HTTP routes', () => {
  test('list tools with their servers, name unavailable servers, and send 304 when nothing changed', async () => {
    await using server = await startMcpServer({ ...raw, gone: { command: '/no/such/program' } })
    const response = await fetch(`${server.url}/mcp/tools`)
    const { tools, unavailable } = (await response.json()) as { tools: object[]; unavailable: object[] }
    expect(tools).toContainEqual({
      name: 'raw__echo',
      server: 'raw',
      description: 'says it again',
      inputSchema: { type: 'object' },
    })
    expect(unavailable).toEqual([{ server: 'gone', reason: 'its command was not found' }])
    const etag = response.headers.get('etag') ?? ''
    expect((await fetch(`${server.url}/mcp/tools`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  test('call a tool with the body as its arguments', async () => {
    await using server = await startMcpServer(raw)
    const response = await fetch(`${server.url}/mcp/tools/raw__echo`, {
      method: 'POST',
      headers: json,
      body: '{"a":[1]}',
    })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ content: [{ type: 'text', text: '{"a":[1]}' }] })
  })

  test.each([
    ['an unknown tool', 'raw__nothing', '{}', 404],
    ['a body that is not JSON', 'raw__echo', '{', 400],
    ['arguments that are no object', 'raw__echo', '[1]', 400],
    ['a tool whose server dies of it', 'raw__crash', '{}', 502],
    ['a tool that never answers', 'raw__hang', '{}', 504],
  ])('respond to %s with its status', async (_, tool, body, status) => {
    await using server = await startMcpServer({ raw: program('raw', {}, { callTimeoutMs: 200 }) })
    const response = await fetch(`${server.url}/mcp/tools/${tool}`, { method: 'POST', headers: json, body })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code: status } })
  })

  test('send Retry-After while a server is down', async () => {
    await using server = await startMcpServer(raw, { random: () => 1 })
    const post = (tool: string) =>
      fetch(`${server.url}/mcp/tools/${tool}`, { method: 'POST', headers: json, body: '{}' })
    expect((await post('raw__crash')).status).toBe(502)
    const refused = await post('raw__echo')
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('1')
  })

  test('identify the caller before anything else', async () => {
    await using server = await startMcpServer(raw)
    for (const path of ['/mcp/tools', '/mcp', '/mcp/sse']) {
      const response = await fetch(`${server.url}${path}`, { headers: { 'x-hero-context': 'nobody' } })
      expect([path, response.status, response.headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer'])
    }
  })

  test.each(['/mcp/tools', '/mcp/sse', '/mcp'])('refuse web pages of other sites at %s', async (path) => {
    await using server = await startMcpServer(raw)
    const foreign = await fetch(`${server.url}${path}`, { headers: { origin: 'https://evil.example' } })
    expect(foreign.status).toBe(403)
  })
})

describe.each([
  ['2026-07-28', { pin: '2026-07-28' } as const],
  ['2025-11-25', 'legacy' as const],
])('Streamable HTTP of %s', (_, mode) => {
  test('lists and calls tools, with progress', async () => {
    await using server = await startMcpServer(raw)
    await using client = await connected(overHttp(server.url), { versionNegotiation: { mode } })
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('raw__slow')
    const steps: number[] = []
    const options = { onprogress: ({ progress }: { progress: number }) => steps.push(progress) }
    expect(textOf(await client.callTool({ name: 'raw__slow' }, options))).toBe('done')
    expect(steps).toEqual([1, 2, 3])
  })

  test('passes the cancellation of a call to the upstream server, which can then take the next call', async () => {
    await using server = await startMcpServer({ raw: program('raw', {}, { maxConcurrentCalls: 1 }) })
    await using client = await connected(overHttp(server.url), { versionNegotiation: { mode } })
    await client.listTools()
    const leave = new AbortController()
    const hanging = client.callTool({ name: 'raw__hang' }, { signal: leave.signal })
    await expect.poll(() => server.toolBroker.servers()[0]?.callsRunning).toBe(1)
    leave.abort()
    await expect(hanging).rejects.toMatchObject({ name: expect.any(String) })
    await expect.poll(() => server.toolBroker.servers()[0]?.callsRunning).toBe(0)
    expect(textOf(await client.callTool({ name: 'raw__echo' }))).toBe('{}')
  })

  test('returns a server that is down as a tool result, and an unknown tool as a protocol error', async () => {
    // Time stands still, so that the backoff before the next start never ends.
    const clock = { ...systemClock, monotonic: () => 0 }
    await using server = await startMcpServer(raw, { random: () => 1, clock })
    await using client = await connected(overHttp(server.url), { versionNegotiation: { mode } })
    const crashed = await client.callTool({ name: 'raw__crash' })
    expect(crashed).toMatchObject({
      isError: true,
      _meta: { 'hero-aibroker/error': { code: 'upstream-failed' } },
    })
    const down = await client.callTool({ name: 'raw__echo' })
    expect(textOf(down)).toMatch(/^server “raw” is down: it went away; try again in 1 s$/)
    await expect(client.callTool({ name: 'raw__nothing' })).rejects.toMatchObject({ code: -32602 })
  })
})

test('clients of revision 2024-11-05 list and call tools over /mcp/sse', async () => {
  await using server = await startMcpServer(raw)
  await using client = await connected(new SSEClientTransport(new URL(`${server.url}/mcp/sse`)))
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('raw__echo')
  expect(textOf(await client.callTool({ name: 'raw__echo', arguments: { old: true } }))).toBe('{"old":true}')
})

test('the MCP routes work on a Unix socket too', async () => {
  using folder = temporaryFolder()
  await using server = await startMcpServer(raw, { socket: `${folder.path}/rest.sock` })
  expect(server.url).toContain('rest.sock')
  await using outer = await startMcpServer({ inner: { url: `unix:${folder.path}/rest.sock` } })
  expect(
    textOf(await outer.toolBroker.callTool({ ip: 'local', context: 'x' }, 'inner__raw__echo', { deep: 1 })),
  ).toBe('{"deep":1}')
})

describe('sessions', () => {
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'curl', version: '1' } },
  }
  const call = (name: string, args: object = {}) => ({
    jsonrpc: '2.0',
    id: 2,
    method: 'tools/call',
    params: { name, arguments: args },
  })
  const post = (url: string, body: object, headers: Record<string, string>) =>
    fetch(`${url}/mcp`, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) })

  async function openSession(url: string, context: string): Promise<Record<string, string>> {
    const response = await post(url, initialize, { 'x-hero-context': context })
    await response.text()
    return { 'x-hero-context': context, 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' }
  }

  test('an id gives no access to another caller', async () => {
    await using server = await startMcpServer(raw)
    const alices = await openSession(server.url, 'alice')
    expect((await post(server.url, call('raw__echo'), alices)).status).toBe(200)
    const stolen = { ...alices, 'x-hero-context': 'bob' }
    expect((await post(server.url, call('raw__echo'), stolen)).status).toBe(404)
    const deletion = await fetch(`${server.url}/mcp`, { method: 'DELETE', headers: stolen })
    expect(deletion.status).toBe(404)
    expect((await post(server.url, call('raw__echo'), alices)).status).toBe(200)
  })

  test('state that one session leaves at a server is not visible to another session of the same caller', async () => {
    await using server = await startMcpServer(raw)
    const first = await openSession(server.url, 'alice')
    const second = await openSession(server.url, 'alice')
    await (await post(server.url, call('raw__remember', { what: 'a secret' }), first)).text()
    expect(await (await post(server.url, call('raw__recall'), second)).text()).toContain('nothing')
    expect(await (await post(server.url, call('raw__recall'), first)).text()).toContain('a secret')
  })

  test('the end of a session ends its server process', async () => {
    await using server = await startMcpServer(raw)
    const headers = await openSession(server.url, 'alice')
    await (await post(server.url, call('raw__echo'), headers)).text()
    expect(server.toolBroker.servers()[0]?.connections).toBe(2)
    await fetch(`${server.url}/mcp`, { method: 'DELETE', headers })
    await expect.poll(() => server.toolBroker.servers()[0]?.connections).toBe(1)
    expect((await post(server.url, call('raw__echo'), headers)).status).toBe(404)
  })

  test('a single request of an older revision is served without a session', async () => {
    await using server = await startMcpServer(raw)
    const response = await post(server.url, call('raw__echo', { bare: 'curl' }), {})
    expect(await response.text()).toContain('bare')
  })

  test('a client with a session gets the input request of a server without sessions', async () => {
    await using fixture = await startHttpFixture(undefined, 'modern-only')
    await using server = await startMcpServer({ s: { url: fixture.url } })
    const client = new Client(
      { name: 'test', version: '1' },
      { capabilities: { elicitation: {} }, versionNegotiation: { mode: 'legacy' } },
    )
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }))
    await client.connect(overHttp(server.url))
    try {
      const name = 's__test_input_required_result_elicitation'
      expect(textOf(await client.callTool({ name }))).toBe('Hello, Ada!')
    } finally {
      await client.close()
    }
  })

  test('a caller can open at most a hundred', async () => {
    await using server = await startMcpServer({})
    for (let opened = 0; opened < 100; opened++) await openSession(server.url, 'alice')
    const refused = await post(server.url, initialize, { 'x-hero-context': 'alice' })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await post(server.url, initialize, { 'x-hero-context': 'bob' })).status).toBe(200)
  })

  test('a batch is refused', async () => {
    await using server = await startMcpServer(raw)
    const response = await post(server.url, [call('raw__echo')], {})
    expect(response.status).toBe(400)
  })
})
