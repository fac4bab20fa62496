import { once } from 'node:events'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { BrokerError } from '../../../src/base/errors.ts'
import { drainable } from '../../../src/runtime/drain.ts'
import { readToEnd, sendRaw } from '../../support/raw-http.ts'
import { errorOf, openServer } from './open-server.ts'

const echo = {
  routes: (server: FastifyInstance) => {
    server.post('/echo', (request, reply) =>
      reply.send({ isBytes: Buffer.isBuffer(request.body), text: String(request.body) }),
    )
  },
}

const JSON_TYPE = 'content-type: application/json'

test('a JSON body arrives as the bytes that were sent', async () => {
  await using opened = await openServer(echo)
  const response = await opened.send(`POST /echo HTTP/1.1\n${JSON_TYPE}; charset=utf-8`, '{"a" : "ü"}')
  expect(response).toMatchObject({
    status: 200,
    body: JSON.stringify({ isBytes: true, text: '{"a" : "ü"}' }),
  })
})

test.each(['content-type: text/plain', 'x-none: 1'])(
  'a body with the header “%s” is read as JSON',
  async (line) => {
    await using opened = await openServer(echo)
    const response = await opened.send(`POST /echo HTTP/1.1\n${line}`, '{}')
    expect(response).toMatchObject({ status: 200, body: JSON.stringify({ isBytes: true, text: '{}' }) })
  },
)

test('a request without a body needs no content type and has no body', async () => {
  await using opened = await openServer({
    routes: (server) => server.post('/touch', (request) => ({ hasBody: request.body !== undefined })),
  })
  expect(await opened.send('POST /touch HTTP/1.1')).toMatchObject({ status: 200, body: '{"hasBody":false}' })
})

test('a body of another content type gets 415 and the type to send', async () => {
  await using opened = await openServer(echo)
  const response = await opened.send(
    'POST /echo HTTP/1.1\ncontent-type: application/x-www-form-urlencoded',
    '{}',
  )
  expect(response?.status).toBe(415)
  expect(errorOf(response)).toMatchObject({
    code: 415,
    message: expect.stringContaining('Content-Type: application/json'),
  })
})

test('a Content-Length above the limit gets 413 before the body is read', async () => {
  await using opened = await openServer(echo)
  const head = `POST /echo HTTP/1.1\r\nhost: a\r\n${JSON_TYPE}\r\ncontent-length: 1025\r\n\r\n`
  const response = await sendRaw(opened.where, head)
  expect(response?.headers.get('connection')).toBe('close')
  expect(errorOf(response)).toEqual({
    code: 413,
    message: 'the body is larger than this route reads (1024 bytes)',
    metadata: { code: 'too-large', error_type: 'payload_too_large' },
  })
})

test('a chunked body gets 413 as soon as it exceeds the limit, even if it never ends', async () => {
  await using opened = await openServer(echo)
  const head = `POST /echo HTTP/1.1\r\nhost: a\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`
  const response = await sendRaw(opened.where, `${head}401\r\n${'x'.repeat(0x401)}\r\n`)
  expect(response?.status).toBe(413)
})

test('a caller that is still sending a body that is too large gets the error', async () => {
  await using opened = await openServer(echo)
  const response = await opened.send('POST /echo HTTP/1.1', 'x'.repeat(3_000_000))
  expect(response?.status).toBe(413)
})

test('a body of exactly the limit is read', async () => {
  await using opened = await openServer(echo)
  expect(await opened.send(`POST /echo HTTP/1.1\n${JSON_TYPE}`, 'x'.repeat(1024))).toMatchObject({
    status: 200,
  })
})

test('Expect: 100-continue gets 413 instead of 100 for a body above the limit', async () => {
  await using opened = await openServer(echo)
  const send = (length: number, body: string) =>
    sendRaw(
      opened.where,
      `POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n${body}`,
    )
  expect(await send(1025, '')).toMatchObject({ status: 413 })
  expect(await send(2, '{}')).toMatchObject({ status: 100 })
})

test('an error thrown by a handler is rendered from the error table', async () => {
  await using opened = await openServer({
    routes: (server) => {
      server.get('/busy', () => {
        throw new BrokerError('upstream-busy', 'acme is busy', {
          details: {
            provider: 'Acme',
            raw: 'slow down',
            status: 429,
            retryAfter: 1.2,
            metadata: { tries: 2 },
          },
        })
      })
    },
  })
  const response = await opened.send('GET /busy HTTP/1.1')
  expect(response?.status).toBe(429)
  expect(response?.headers.get('retry-after')).toBe('2')
  expect(response?.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(errorOf(response)).toEqual({
    code: 429,
    message: 'acme is busy',
    metadata: {
      tries: 2,
      code: 'upstream-busy',
      error_type: 'rate_limit_exceeded',
      provider_name: 'Acme',
      raw: 'slow down',
      provider_status: 429,
      retry_after_seconds: 2,
    },
  })
  expect(opened.bugs).toEqual([])
})

test('a server with its own renderer renders all errors with it', async () => {
  await using opened = await openServer({
    renderErrorAt: () => () => ({ status: 418, headers: { 'x-tea': 'pot' }, body: { short: true } }),
  })
  const response = await opened.send('GET /unknown HTTP/1.1')
  expect(response).toMatchObject({ status: 418, body: '{"short":true}' })
  expect(response?.headers.get('x-tea')).toBe('pot')
})

test('a bug gets 500 without details; the log has them', async () => {
  const bug = new TypeError('secret detail')
  await using opened = await openServer({ routes: (server) => server.get('/bug', () => Promise.reject(bug)) })
  const response = await opened.send('GET /bug HTTP/1.1')
  expect(response?.status).toBe(500)
  expect(errorOf(response)).toEqual({
    code: 500,
    message: 'internal error',
    metadata: { code: 'internal', error_type: 'server' },
  })
  expect(opened.bugs).toEqual([{ listener: 'test', method: 'GET', route: '/bug', err: bug }])
})

test('a thrown null is rendered as an internal error', async () => {
  await using opened = await openServer({
    routes: (server) => server.get('/odd', () => Promise.reject(null)),
  })
  expect(errorOf(await opened.send('GET /odd HTTP/1.1'))).toMatchObject({
    code: 500,
    message: 'internal error',
  })
})

test('an unknown path gets 404 with the nearest routes', async () => {
  await using opened = await openServer({
    routes: (server) => {
      for (const url of ['/v1/chat/completions', '/v1/models', '/v1/embeddings', '/health'])
        server.get(url, () => 'x')
    },
  })
  const response = await opened.send('GET /v1/model HTTP/1.1')
  expect(response?.status).toBe(404)
  expect(errorOf(response)).toMatchObject({
    message: expect.stringMatching(/^nothing is served at \/v1\/model; nearest: \/v1\/models,/),
  })
})

test('a known path with the wrong method gets 405 with the allowed methods', async () => {
  await using opened = await openServer({
    routes: (server) => {
      server.get('/things/:id', () => 'x')
      server.delete('/things/:id', () => 'x')
    },
  })
  const response = await opened.send('POST /things/7?x=1 HTTP/1.1')
  expect(response?.status).toBe(405)
  expect(response?.headers.get('allow')).toBe('DELETE, GET, HEAD')
  expect(errorOf(response)).toMatchObject({ code: 405 })
})

test('a path that cannot be decoded gets 400 in our error form', async () => {
  await using opened = await openServer({ routes: (server) => server.get('/things/:id', () => 'x') })
  expect(errorOf(await opened.send('GET /things/%ff HTTP/1.1'))).toMatchObject({ code: 400 })
})

test('a trailing slash makes no difference', async () => {
  await using opened = await openServer({ routes: (server) => server.get('/models', () => 'x') })
  expect(await opened.send('GET /models/ HTTP/1.1')).toMatchObject({ status: 200 })
})

test('closing a server frees its socket despite an idle connection and an open stream', async () => {
  const opened = await openServer({
    routes: (server) => {
      server.get('/stream', (_request, reply) => {
        reply.hijack()
        reply.raw.write('word ')
      })
    },
  })
  const idle = connect(opened.where)
  const streaming = connect(opened.where)
  const ends = [readToEnd(idle), readToEnd(streaming)]
  streaming.write('GET /stream HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(streaming, 'data')
  await opened[Symbol.asyncDispose]()
  await Promise.all(ends)
  expect(opened.server.server.listening).toBe(false)
})

test('a drain lets an open stream finish, then closes the server', async () => {
  const { promise: started, resolve } = Promise.withResolvers<() => void>()
  const opened = await openServer({
    routes: (server) => {
      server.get('/stream', (_request, reply) => {
        reply.hijack()
        reply.raw.write('first ')
        resolve(() => reply.raw.end('last'))
      })
    },
  })
  const drain = drainable(opened.server.server)
  const socket = connect(opened.where)
  const all = readToEnd(socket)
  socket.write('GET /stream HTTP/1.1\r\nhost: a\r\n\r\n')
  const finish = await started
  const drained = drain({ clock: systemClock, graceMs: 10_000 })
  finish()
  expect(await drained).toBe(0)
  expect(await all).toContain('last')
  await opened[Symbol.asyncDispose]()
})
