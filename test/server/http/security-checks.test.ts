import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { readToEnd, sendRaw } from '../../support/raw-http.ts'
import { errorOf, openServer } from './open-server.ts'

const routes = {
  routes: (server: FastifyInstance) => {
    server.all('/', () => 'reached')
  },
}

const lines = (...text: readonly string[]) => `${text.join('\r\n')}\r\n\r\n`
const manyHeaders = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}: 1`)

describe('a request is refused before any route sees it', () => {
  test.each([
    ['two Host lines', lines('GET / HTTP/1.1', 'host: a', 'Host: b'), 400, 'more than one Host header'],
    ['two equal Host lines', lines('GET / HTTP/1.1', 'host: a', 'HOST: a'), 400, 'more than one Host header'],
    ['no Host', lines('GET / HTTP/1.1'), 400, 'no Host header'],
    ['an absolute-form target', lines('GET http://a/ HTTP/1.1', 'host: a'), 400, 'must be a path'],
    ['TRACE', lines('TRACE / HTTP/1.1', 'host: a'), 405, 'TRACE is not served'],
    ['CONNECT', lines('CONNECT a:80 HTTP/1.1', 'host: a'), 405, 'CONNECT is not served'],
    [
      'a WebSocket',
      lines('GET / HTTP/1.1', 'host: a', 'connection: upgrade', 'upgrade: websocket'),
      426,
      'upgrades',
    ],
    ['too many headers', lines('GET / HTTP/1.1', 'host: a', ...manyHeaders(100)), 431, '100 header lines'],
    ['far too many headers', lines('GET / HTTP/1.1', 'host: a', ...manyHeaders(1500)), 431, 'header'],
    [
      'too large a header',
      lines('GET / HTTP/1.1', 'host: a', `x: ${'x'.repeat(40_000)}`),
      431,
      'larger than we read',
    ],
    [
      'both framings',
      lines('POST / HTTP/1.1', 'host: a', 'content-length: 2', 'transfer-encoding: chunked'),
      400,
      'HTTP/1.1',
    ],
    [
      'both framings in the other order',
      lines('POST / HTTP/1.1', 'host: a', 'transfer-encoding: chunked', 'content-length: 2'),
      400,
      'HTTP/1.1',
    ],
    [
      'two lengths',
      lines('POST / HTTP/1.1', 'host: a', 'content-length: 2', 'content-length: 3'),
      400,
      'HTTP/1.1',
    ],
    [
      'chunked not last',
      lines('POST / HTTP/1.1', 'host: a', 'transfer-encoding: chunked, gzip'),
      400,
      'HTTP/1.1',
    ],
    ['a folded header', lines('GET / HTTP/1.1', 'host: a', 'x: 1', ' y'), 400, 'HTTP/1.1'],
    ['a space before the colon', lines('GET / HTTP/1.1', 'host : a'), 400, 'HTTP/1.1'],
    ['bare line feeds', 'GET / HTTP/1.1\nhost: a\n\n', 400, 'HTTP/1.1'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'HTTP/1.1'],
    ['TLS', '\x16\x03\x01\x02\x00\x01', 400, 'HTTP/1.1'],
  ])('%s', async (_what, bytes, code, words) => {
    await using opened = await openServer(routes)
    const response = await sendRaw(opened.where, bytes)
    expect(response?.status).toBe(code)
    expect(response?.headers.get('connection')).toBe('close')
    expect(errorOf(response)).toMatchObject({ code, message: expect.stringContaining(words) })
  })
})

describe('a request reaches its route', () => {
  test.each([
    ['100 headers', lines('GET / HTTP/1.1', 'host: a', 'connection: close', ...manyHeaders(98))],
    ['HTTP/1.0 without Host', lines('GET / HTTP/1.0')],
    [
      'an offer of h2c, which is ignored',
      lines('GET / HTTP/1.1', 'host: a', 'connection: upgrade, close', 'upgrade: h2c'),
    ],
  ])('%s', async (_what, bytes) => {
    await using opened = await openServer(routes)
    expect(await sendRaw(opened.where, bytes)).toMatchObject({ status: 200, body: 'reached' })
  })
})

describe('a slow client', () => {
  const timeouts = { headersMs: 250, requestMs: 400, checkEveryMs: 20 }

  test.each([
    ['nothing at all', ''],
    ['half a head', 'GET / HTTP/1.1\r\nhost: a\r\nx-'],
    ['half a body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{'],
  ])('that sends %s gets 408, and the connection is closed', async (_what, bytes) => {
    await using opened = await openServer({ ...routes, timeouts })
    const response = await sendRaw(opened.where, bytes)
    expect(errorOf(response)).toMatchObject({ code: 408, message: expect.stringContaining('in time') })
  })

  test('a slow response to a complete request is not timed out', async () => {
    await using opened = await openServer({
      timeouts,
      routes: (server) => {
        server.get('/slow', (_request, reply) => {
          reply.hijack()
          // Ends once a later, incomplete request has timed out.
          void sendRaw(opened.where, 'GET /').then(() => reply.raw.end('all of it'))
        })
      },
    })
    expect(await opened.send('GET /slow HTTP/1.1')).toMatchObject({ status: 200 })
  })

  test('garbage after an open request does not end up in its response', async () => {
    await using opened = await openServer({
      routes: (server) => {
        server.get('/stream', (request, reply) => {
          reply.hijack()
          reply.raw.write('word')
          request.raw.socket.once('close', () => reply.raw.end())
        })
      },
    })
    const socket = connect(opened.where)
    const all = readToEnd(socket)
    socket.write('GET /stream HTTP/1.1\r\nhost: a\r\n\r\n')
    socket.once('data', () => socket.write('nonsense\r\n\r\n'))
    expect(await all).not.toContain('error')
  })
})
