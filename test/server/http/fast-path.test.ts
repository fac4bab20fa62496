import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import type { HttpReply, HttpRequest, Guard } from '../../../src/server/http/node/request-types.ts'
import { addInferenceRoute } from '../../../src/server/http/fast-path.ts'
import { readToEnd, sendRaw } from '../../support/raw-http.ts'
import { errorOf, openServer, type OpenServer } from './open-server.ts'

const PLAIN = 'POST /ask HTTP/1.1\ncontent-type: application/json'
/** Each is equivalent to `PLAIN`, but does not qualify for the fast path. */
const UNUSUAL = [
  'POST /ask?x=1 HTTP/1.1\ncontent-type: application/json',
  'POST /ask/ HTTP/1.1\ncontent-type: application/json',
  'POST /ask HTTP/1.1\ncontent-type: application/json; charset=UTF-8',
  'POST /ask HTTP/1.1\ncontent-type: text/plain',
]

interface Setup {
  readonly handle?: (request: HttpRequest, reply: HttpReply) => Promise<void>
  readonly guards?: readonly Guard[]
  readonly admit?: () => () => void
}

interface FastPathServer extends OpenServer {
  /** Number of requests in flight, and of all that were admitted. */
  readonly open: { now: number; ever: number }
  readonly statuses: number[]
}

async function fastPathServer({ handle = echo, guards = [], admit }: Setup = {}): Promise<FastPathServer> {
  const open = { now: 0, ever: 0 }
  const statuses: number[] = []
  const count = (): (() => void) => {
    open.now++
    open.ever++
    return () => open.now--
  }
  const opened = await openServer({
    guards,
    onResponse: (status) => statuses.push(status),
    routes: (server) => addInferenceRoute(server, '/ask', { limit: { acquire: admit ?? count }, handle }),
  })
  return Object.assign(opened, { open, statuses })
}

/** Responds with the path that the request took, and its body. */
async function echo(request: HttpRequest, reply: HttpReply): Promise<void> {
  const path = 'id' in request ? 'slow' : 'fast'
  const body = request.body instanceof Uint8Array ? Buffer.from(request.body).toString() : 'none'
  reply.hijack()
  reply.raw.setHeader('x-path', path)
  reply.raw.end(`${request.method} ${request.routeOptions.url}: ${body}`)
}

describe('the fast path', () => {
  test('serves only plain requests, and equivalent ones get the same response from Fastify', async () => {
    await using opened = await fastPathServer()
    const plain = await opened.send(PLAIN, '{"a":"ü"}')
    expect(plain).toMatchObject({ status: 200, body: 'POST /ask: {"a":"ü"}' })
    expect(plain?.headers.get('x-path')).toBe('fast')
    for (const head of UNUSUAL) {
      const equivalent = await opened.send(head, '{"a":"ü"}')
      expect(equivalent).toMatchObject({ status: 200, body: 'POST /ask: {"a":"ü"}' })
      expect(equivalent?.headers.get('x-path')).toBe('slow')
    }
  })

  test('a chunked body is read by Fastify, one without a content type by the fast path', async () => {
    await using opened = await fastPathServer()
    const chunked =
      'host: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\ncontent-type: application/json'
    expect(
      await sendRaw(opened.where, `POST /ask HTTP/1.1\r\n${chunked}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
    ).toMatchObject({ status: 200, body: 'POST /ask: {}' })
    const untyped = await opened.send('POST /ask HTTP/1.1', '{}')
    expect(untyped).toMatchObject({ status: 200, body: 'POST /ask: {}' })
    expect(untyped?.headers.get('x-path')).toBe('fast')
  })

  test('another method gets 405 with the allowed methods', async () => {
    await using opened = await fastPathServer()
    const response = await opened.send('GET /ask HTTP/1.1')
    expect(response?.status).toBe(405)
    expect(response?.headers.get('allow')).toBe('POST')
  })

  test.each([
    ['a refusal', new BrokerError('no-such-model', 'no such model'), 0],
    ['a bug', new TypeError('cannot read that'), 1],
  ])(
    '%s is rendered with the same body and headers as by Fastify, and a bug is logged',
    async (_name, thrown, bugs) => {
      const handle = async (_request: HttpRequest, reply: HttpReply): Promise<void> => {
        void reply.headers({ 'x-generation-id': 'gen-1' })
        throw thrown
      }
      await using opened = await fastPathServer({ handle })
      const fast = await opened.send(PLAIN, '{}')
      expect(opened.bugs).toHaveLength(bugs)
      const slow = await opened.send(UNUSUAL[0] ?? '', '{}')
      const withoutDate = (headers = new Map<string, string>()) =>
        new Map([...headers, ['date', ''], ['x-request-id', '']])
      expect(fast?.body).toBe(slow?.body)
      expect(fast?.status).toBe(slow?.status)
      expect(withoutDate(fast?.headers as Map<string, string>)).toEqual(
        withoutDate(slow?.headers as Map<string, string>),
      )
      expect(fast?.body).not.toContain('cannot read')
    },
  )
})

test('pipelined requests each get their own body, wherever the bytes are cut', async () => {
  await using opened = await fastPathServer()
  const bodies = fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(bodies, fc.array(fc.nat(), { maxLength: 5 }), async (texts, places) => {
      const requests = texts.map((text, at) => {
        const last = at === texts.length - 1 ? 'connection: close\r\n' : ''
        const length = Buffer.byteLength(text)
        return `POST /ask HTTP/1.1\r\nhost: a\r\n${last}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${text}`
      })
      const received = await sendInPieces(opened, Buffer.from(requests.join('')), places)
      expect(received.split('x-path: fast')).toHaveLength(texts.length + 1)
      expect(received.split('POST /ask: ')).toHaveLength(texts.length + 1)
      for (const text of texts) expect(received).toContain(`POST /ask: ${text}`)
    }),
    { numRuns: 60 },
  )
  await expect.poll(() => opened.open.now).toBe(0)
})

async function sendInPieces(
  { where }: OpenServer,
  bytes: Buffer,
  places: readonly number[],
): Promise<string> {
  const socket = connect(where)
  socket.setNoDelay(true)
  const received = readToEnd(socket)
  const cuts = [0, ...places.map((place) => place % bytes.length).sort((a, b) => a - b), bytes.length]
  for (const [at, start] of cuts.slice(0, -1).entries()) {
    await new Promise((written) => socket.write(bytes.subarray(start, cuts[at + 1]), written))
  }
  return received
}

test('a request whose caller disconnects before the body is complete is never handled, and is released', async () => {
  let served = 0
  await using opened = await fastPathServer({ handle: async () => void served++ })
  const socket = connect(opened.where)
  socket.write(
    'POST /ask HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"a"',
  )
  await expect.poll(() => opened.open.now).toBe(1)
  socket.destroy()
  await expect.poll(() => opened.open.now).toBe(0)
  expect(served).toBe(0)
  expect(opened.statuses).toEqual([])
})

test('a request whose caller disconnects during the response is released', async () => {
  const handled = Promise.withResolvers<HttpReply>()
  await using opened = await fastPathServer({ handle: async (_request, reply) => handled.resolve(reply) })
  const socket = connect(opened.where)
  socket.write(
    'POST /ask HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
  )
  const { raw } = await handled.promise
  socket.destroy()
  await once(raw, 'close')
  await expect.poll(() => opened.open.now).toBe(0)
  expect(opened.statuses).toEqual([])
})

test('a request that was read has ended, so that the connection doesn’t retain it', async () => {
  const handled = Promise.withResolvers<HttpRequest>()
  const handle = async (request: HttpRequest, reply: HttpReply): Promise<void> => {
    handled.resolve(request)
    await echo(request, reply)
  }
  await using opened = await fastPathServer({ handle })
  await opened.send(PLAIN, '{}')
  expect((await handled.promise).raw).toMatchObject({ readableEnded: true, complete: true, aborted: false })
})

describe('a bug in a route', () => {
  const bugs: Readonly<Record<string, (request: HttpRequest, reply: HttpReply) => Promise<void>>> = {
    'in the middle of its response': async (_request, reply) => {
      reply.raw.writeHead(200, { 'content-length': 5 })
      reply.raw.write('ab')
      throw new TypeError('a bug')
    },
    'before it does anything at all': () => {
      throw new TypeError('a bug')
    },
    'in an invalid header value': async (_request, reply) => {
      void reply.headers({ 'x-name': '模型' })
      throw new TypeError('a bug')
    },
  }

  test.each(Object.entries(bugs))(
    '%s ends the exchange and is logged, and the server keeps serving',
    async (_when, handle) => {
      await using opened = await fastPathServer({ handle })
      const response = await opened.send(PLAIN, '{}')
      expect(response?.body ?? '').not.toContain('a bug')
      expect(opened.bugs[0]).toMatchObject({ err: { message: 'a bug' } })
      await expect.poll(() => opened.open.now).toBe(0)
      expect((await opened.send('GET /ask HTTP/1.1'))?.status).toBe(405)
    },
  )
})

test('a caller that is refused before its body is read may send another request on the same connection', async () => {
  let isFull = true
  const enter = () => {
    if (isFull) throw new BrokerError('overloaded', 'come back later')
    return () => undefined
  }
  await using opened = await fastPathServer({ admit: enter })
  const socket = connect(opened.where)
  const received = readToEnd(socket)
  const head = 'POST /ask HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n'
  socket.write(`${head}\r\n`)
  await once(socket, 'data')
  isFull = false
  socket.write(`{}${head}connection: close\r\n\r\n{}`)
  expect(await received).toMatch(
    /^HTTP\/1.1 503 [^]*come back later[^]*HTTP\/1.1 200 OK[^]*POST \/ask: \{\}$/,
  )
  expect(opened.statuses).toEqual([503, 200])
})

test('a guard refuses requests of the fast path too', async () => {
  const guards: Guard[] = [
    ({ headers }) => {
      if (headers.authorization === undefined) throw new BrokerError('unauthorized', 'who are you?')
    },
  ]
  await using opened = await fastPathServer({ guards })
  const response = await opened.send(PLAIN, '{}')
  expect(response?.status).toBe(401)
  expect(errorOf(response)).toMatchObject({ message: 'who are you?' })
  expect(opened.open.ever).toBe(0)
  expect(await opened.send(`${PLAIN}\nauthorization: me`, '{}')).toMatchObject({ status: 200 })
})

test('a Content-Length above the limit is refused before the body is read', async () => {
  await using opened = await fastPathServer()
  const head =
    'POST /ask HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1025\r\n\r\n'
  const response = await sendRaw(opened.where, head)
  expect(response?.status).toBe(413)
})

test('every response is reported with its status', async () => {
  await using opened = await fastPathServer()
  await opened.send(PLAIN, '{}')
  await opened.send(UNUSUAL[0] ?? '', '{}')
  await opened.send('GET /ask HTTP/1.1')
  await expect.poll(() => opened.statuses).toEqual([200, 200, 405])
})
