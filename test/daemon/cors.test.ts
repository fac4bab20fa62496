import { describe, expect, test } from 'vitest'
import { sendRequest, type HttpRequest } from '../support/open-request.ts'
import { runUntilExit, startBroker, type Broker } from '../support/start-broker.ts'

const ORIGIN = 'https://app.example.org'
const TCP = ['--address', '127.0.0.1', '--port', '0']
const CHAT = { model: 'local/loopback', messages: [{ role: 'user', content: 'hello' }] }

async function token(broker: Broker): Promise<string> {
  return ((await broker.rpc('tokens.create', { label: 'page' })) as { token: string }).token
}

const LISTENERS = {
  TCP: ({ port }: Broker): Partial<HttpRequest> => ({ port }),
  'a Unix socket': ({ sockets }: Broker): Partial<HttpRequest> => ({ socketPath: sockets.rest }),
}

describe.each(Object.entries(LISTENERS))(
  'a page of an origin in AIBROKER_CORS_ORIGINS, on %s',
  (_name, where) => {
    test.each(['1', '2'])(
      'asks first, then chats and streams with a token, with %s workers',
      async (workers) => {
        const env = { AIBROKER_CORS_ORIGINS: `${ORIGIN},http://localhost:5173`, AIBROKER_WORKERS: workers }
        await using broker = await startBroker({ args: TCP, env })
        const send = (request: Omit<HttpRequest, 'port'>) => sendRequest({ ...where(broker), ...request })
        const preflight = await send({
          method: 'OPTIONS',
          path: '/v1/chat/completions',
          headers: {
            origin: ORIGIN,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'authorization,content-type,x-stainless-os',
          },
        })
        expect([preflight.status, preflight.headers]).toMatchObject([
          204,
          {
            'access-control-allow-origin': ORIGIN,
            'access-control-allow-methods': expect.stringContaining('POST'),
            'access-control-allow-headers': 'authorization,content-type,x-stainless-os',
            vary: 'origin',
          },
        ])
        expect(preflight.headers['access-control-allow-credentials']).toBeUndefined()
        const headers = {
          origin: ORIGIN,
          'content-type': 'application/json',
          authorization: `Bearer ${await token(broker)}`,
        }
        for (const body of [CHAT, { ...CHAT, stream: true }]) {
          const response = await send({ method: 'POST', path: '/v1/chat/completions', headers, body })
          expect([response.status, response.headers['access-control-allow-origin']]).toEqual([200, ORIGIN])
        }
        const models = await send({ method: 'GET', path: '/v1/models', headers })
        expect([models.status, models.headers['access-control-allow-origin']]).toEqual([200, ORIGIN])
        const failed = await send({ method: 'POST', path: '/v1/chat/completions', headers, body: '{' })
        expect([failed.status, failed.headers['access-control-allow-origin']]).toEqual([400, ORIGIN])
      },
    )

    test('gets 401 without a token, which it can read', async () => {
      await using broker = await startBroker({ args: TCP, env: { AIBROKER_CORS_ORIGINS: ORIGIN } })
      for (const extra of [{}, { authorization: 'Bearer sk-dummy' }]) {
        const headers = { origin: ORIGIN, 'content-type': 'application/json', ...extra }
        const request = { method: 'POST', path: '/v1/chat/completions', headers, body: CHAT }
        const response = await sendRequest({ ...where(broker), ...request })
        expect([response.status, response.headers['access-control-allow-origin']]).toEqual([401, ORIGIN])
      }
    })

    test('opens an MCP session', async () => {
      await using broker = await startBroker({ args: TCP, env: { AIBROKER_CORS_ORIGINS: ORIGIN } })
      const headers = {
        origin: ORIGIN,
        'content-type': 'application/json',
        authorization: `Bearer ${await token(broker)}`,
      }
      const response = await sendRequest({ ...where(broker), method: 'GET', path: '/mcp/tools', headers })
      expect(response.headers['access-control-allow-origin']).toBe(ORIGIN)
      expect(response.status).not.toBe(403)
    })
  },
)

test('pages of other origins get no permission', async () => {
  await using broker = await startBroker({ args: TCP, env: { AIBROKER_CORS_ORIGINS: ORIGIN } })
  for (const origin of ['https://evil.example', 'null', `${ORIGIN}.evil.example`, 'http://app.example.org']) {
    const headers = { origin, 'access-control-request-method': 'POST' }
    const response = await sendRequest({ port: broker.port, method: 'OPTIONS', path: '/v1/models', headers })
    expect(response.headers['access-control-allow-origin']).toBeUndefined()
    expect(response.status).toBeGreaterThanOrEqual(400)
  }
})

test.each(['*', 'app.example.org', 'https://app.example.org/', 'ftp://a'])(
  'AIBROKER_CORS_ORIGINS=%s is refused at the start',
  async (value) => {
    const { exit, stderr } = await runUntilExit({ env: { AIBROKER_CORS_ORIGINS: value } })
    expect([exit, stderr]).toEqual([expect.any(Number), expect.stringContaining('origins of web pages')])
  },
)
