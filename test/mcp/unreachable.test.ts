import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createNetServer, type Server } from 'node:net'
import { text as bodyOf } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { testAuthority } from '../support/test-certificates.ts'
import { alice, gatewayOf, textOf } from './support.ts'

type Respond = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

async function listening(server: Server, scheme = 'http') {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) (server.closeAllConnections as () => void)()
      server.close()
      await once(server, 'close')
    },
  }
}

const http = (respond: Respond) =>
  listening(createServer((request, response) => void respond(request, response)))

/** An MCP server of the 2025 revision. `session` adds a session and refuses others. */
const serves: Respond = async (request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(405).end()
    return
  }
  const { id, method } = JSON.parse(await bodyOf(request))
  if (id === undefined) {
    response.writeHead(202).end()
    return
  }
  const result = RESULTS[method]
  const message =
    result === undefined ? { error: { code: -32_601, message: 'Method not found' } } : { result }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...message }))
}

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 's', version: '1' },
  },
  'tools/list': { tools: [{ name: 'look', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: 'seen' }] },
}

async function reasonOf(url: string): Promise<string | undefined> {
  await using gateway = await gatewayOf({ a: { url, startTimeoutMs: 3000 } })
  const { unavailable } = await gateway.listTools(alice, AbortSignal.timeout(20_000))
  return unavailable[0]?.reason
}

describe('a server that cannot be reached is reported with the cause', () => {
  test('of a refused connection', async () => {
    const gone = await http(serves)
    await gone[Symbol.asyncDispose]()
    expect(await reasonOf(gone.url)).toContain('the connection was refused')
  })

  test('of an unknown host', async () => {
    expect(await reasonOf('http://no-such-host.invalid/mcp')).toMatch(
      /its host name (is unknown|could not be looked up)/,
    )
  })

  test('of a certificate', async () => {
    const { key, certificate: cert } = testAuthority().issue('localhost')
    await using server = await listening(
      createTlsServer({ key, cert }, () => undefined),
      'https',
    )
    expect(await reasonOf(`https://localhost:${server.port}/mcp`)).toContain(
      'its certificate is not accepted',
    )
  })

  test.each([
    ['credentials', 401, {}, '', 'it wants credentials that it was not given or does not accept (401)'],
    ['a prohibition', 403, {}, '', 'it refuses access (403)'],
    ['a wrong path', 404, {}, 'Not Found', 'there is nothing at its path (404)'],
    ['a failure', 503, {}, '', 'it responded with status 503'],
    [
      'a web page',
      200,
      { 'content-type': 'text/html' },
      '<html>',
      'it sent a web page (HTML, status 200) instead of MCP',
    ],
    [
      'another origin',
      302,
      { location: 'https://login.invalid/x' },
      '',
      'it redirects to https://login.invalid/x (302)',
    ],
  ])('of %s', async (_cause, status, headers, body, reason) => {
    await using server = await http(
      (_request, response) => void response.writeHead(status, headers).end(body),
    )
    expect(await reasonOf(server.url)).toContain(reason)
  })

  test('of silence', async () => {
    await using server = await http(() => undefined)
    expect(await reasonOf(server.url)).toBe('it did not answer in time')
  })

  test('of a connection that closes without a response', async () => {
    await using server = await listening(createNetServer((socket) => socket.destroy()))
    expect(await reasonOf(server.url)).toContain('it closed the connection without a response')
  })

  test('of a revision that nobody knows', async () => {
    await using server = await http(async (request, response) => {
      const { id } = JSON.parse((await bodyOf(request)) || '{}')
      const error = { code: -32_602, message: 'Unsupported protocol version' }
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, error }))
    })
    expect(await reasonOf(server.url)).toContain('revision')
  })
})

test.each([301, 302, 307, 308])(
  'a redirect with status %i on the same origin is followed once',
  async (status) => {
    await using server = await http((request, response) => {
      if (request.url === '/mcp/') return serves(request, response)
      return void response.writeHead(status, { location: '/mcp/' }).end()
    })
    await using gateway = await gatewayOf({ a: { url: server.url } })
    expect(textOf(await gateway.callTool(alice, 'a__look', {}))).toBe('seen')
  },
)

test('a redirect behind a redirect is not followed', async () => {
  await using server = await http((request, response) => {
    response.writeHead(307, { location: request.url === '/mcp' ? '/b' : '/mcp' }).end()
  })
  expect(await reasonOf(server.url)).toContain('it redirects to /mcp (307)')
})

test.each([
  [404, 'Session not found'],
  [400, 'Bad Request: No valid session ID provided'],
  [503, 'Service Unavailable: unknown session'],
  [410, 'this session has expired'],
  [410, ''],
  [400, 'Bad Request: Server not initialized'],
  [500, 'Session terminated'],
])(
  'after a refusal with status %i and “%s” the call is repeated in a new session',
  async (status, message) => {
    let epoch = 1
    let calls = 0
    await using server = await http(async (request, response) => {
      const id = request.headers['mcp-session-id']
      if (id !== undefined && id !== `s${epoch}`) {
        response.writeHead(status, { 'content-type': 'application/json' })
        return void response.end(
          JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }),
        )
      }
      if (request.method === 'POST') {
        response.setHeader('mcp-session-id', `s${epoch}`)
        calls++
      }
      return serves(request, response)
    })
    await using gateway = await gatewayOf({ a: { url: server.url } })
    expect(textOf(await gateway.callTool(alice, 'a__look', {}))).toBe('seen')
    epoch = 2
    expect(textOf(await gateway.callTool(alice, 'a__look', {}))).toBe('seen')
    expect(calls).toBeGreaterThan(2)
  },
)
