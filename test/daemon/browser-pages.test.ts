// What a page in a browser can make it send to a TCP listener, with and without a token.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { sendRequest } from '../support/open-request.ts'

const token = 'letmein'
const SETUPS = [
  ['a loopback listener without a token', {}, ['--address', '127.0.0.1']],
  ['a loopback listener with a token', { ADMIN_TOKEN: token }, ['--address', '127.0.0.1']],
  ['a listener on all addresses with a token', { ADMIN_TOKEN: token }, ['--address', '0.0.0.0']],
  ['an open listener on all addresses', {}, ['--address', '0.0.0.0', '--open-tcp']],
  ['a loopback listener of workers', {}, ['--address', '127.0.0.1', '--workers', '2']],
] as const

const ROUTES = [
  ['/rpc', { jsonrpc: '2.0', id: 1, method: 'health' }],
  ['/v1/chat/completions', { model: 'auto', messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/quote', { model: 'local/loopback', messages: [{ role: 'user', content: 'hi' }] }],
  ['/mcp/tools/none__none', {}],
  ['/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' }],
] as const

describe.each(SETUPS)('%s', (_name, env, args) => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker({
      env: { ...env, AIBROKER_HOSTS: 'ai.example.org' },
      args: [...args, '--port', '0'],
    })
  }, 30_000)
  afterAll(() => broker[Symbol.asyncDispose]())

  const isGuarded = 'ADMIN_TOKEN' in env
  const isLocal = args[1] === '127.0.0.1'
  /** The status of a request with these headers; the valid token is among them. */
  const status = async (path: string, headers: Record<string, string>, body?: unknown) => {
    const host = `localhost:${broker.port}`
    const shown = isGuarded ? { authorization: `Bearer ${token}` } : {}
    const sent = await sendRequest({
      port: broker.port,
      method: body === undefined ? 'GET' : 'POST',
      path,
      headers: { host, accept: 'application/json, text/event-stream', ...shown, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    return sent.status
  }

  test.each(ROUTES)('refuses what a page of another origin sends to %s', async (path, body) => {
    for (const origin of [
      'http://localhost:1',
      `http://localhost:${broker.port + 1}`,
      `http://127.0.0.1:${broker.port}`,
      `https://localhost:${broker.port}@evil.example`,
      'http://localhost',
      'http://evil.example',
      'https://ai.example.org',
      'null',
      'file://',
      '',
      `http://localhost:${broker.port}/`,
      `ftp://localhost:${broker.port}`,
    ])
      expect([origin, await status(path, { origin }, body)]).toEqual([origin, 403])
    expect(await status(path, { origin: `http://localhost:${broker.port}` }, body)).not.toBe(403)
    expect(await status(path, { origin: `https://localhost:${broker.port}` }, body)).not.toBe(403)
  })

  test.each(ROUTES)(
    'refuses to %s a body that is not JSON, which a page may send unasked',
    async (path, body) => {
      for (const type of [
        'text/plain',
        'text/plain;charset=UTF-8',
        'text/plain; application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=application/json',
        'application/jsonp',
        '',
      ])
        expect([type, await status(path, { 'content-type': type }, body)]).toEqual([type, 415])
      expect(await status(path, { 'content-type': 'Application/JSON ; charset="utf-8"' }, body)).not.toBe(415)
    },
  )

  test('refuses a body without a content type', async () => {
    for (const transfer of [{ 'content-length': '2' }, { 'transfer-encoding': 'chunked' }]) {
      const { request } = await import('node:http')
      const answered = await new Promise<number>((resolve, reject) => {
        const shown = isGuarded ? { authorization: `Bearer ${token}` } : {}
        const headers = { host: 'localhost', ...shown, ...transfer }
        const outgoing = request({ port: broker.port, method: 'POST', path: '/rpc', headers, agent: false })
        outgoing.on('response', (incoming) => (incoming.resume(), resolve(incoming.statusCode ?? 0)))
        outgoing.on('error', reject)
        outgoing.end('{}')
      })
      expect(answered).toBe(415)
    }
  })

  test.each(['/v1/models', '/health', '/openrpc.json', '/mcp/tools', '/unknown'])(
    'refuses a Host that does not name it, for %s',
    async (path) => {
      for (const host of [
        'evil.example',
        'localhost.evil.example',
        '127.0.0.1.evil.example',
        'localhost:1@evil.example',
        'ai.example.org.evil',
        'evil.example:80',
      ])
        expect([host, await status(path, { host })]).toEqual([host, 403])
    },
  )

  test('accepts the names of its machine and those of AIBROKER_HOSTS', async () => {
    for (const host of [
      'localhost',
      'LOCALHOST:1',
      '127.0.0.1',
      '[::1]:80',
      'ai.example.org',
      'AI.example.org:443',
    ])
      expect([host, await status('/v1/models', { host })]).toEqual([host, 200])
    // Beyond loopback nothing tells which addresses lead here; an address cannot be rebound, and a name without a dot has no public owner.
    for (const host of ['10.1.2.3:80', '[2001:db8::1]', 'broker'])
      expect([host, await status('/v1/models', { host })]).toEqual([host, isLocal ? 403 : 200])
    const origin = 'https://ai.example.org'
    expect(await status('/v1/models', { host: 'ai.example.org', origin })).toBe(200)
  })

  test.runIf(isGuarded)('still needs the token from a page of its own origin', async () => {
    const origin = `http://localhost:${broker.port}`
    expect(await status('/v1/models', { origin, authorization: 'Bearer wrong' })).toBe(401)
  })
})
