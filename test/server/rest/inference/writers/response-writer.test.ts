import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { addInferenceRoute } from '../../../../../src/server/http/fast-path.ts'
import type { HttpReply } from '../../../../../src/server/http/node/request-types.ts'
import { ResponseWriter } from '../../../../../src/server/rest/inference/writers/response-writer.ts'
import { openServer, type OpenServer } from '../../../http/open-server.ts'
import { readToEnd } from '../../../../support/raw-http.ts'

let server: OpenServer
let statuses: number[]
let handle: (reply: HttpReply, body: string) => unknown
beforeEach(async () => {
  statuses = []
  server = await openServer({
    bodyLimit: 100_000,
    onResponse: (status) => statuses.push(status),
    routes: (opened) =>
      addInferenceRoute(opened, '/ask', {
        limit: { acquire: () => () => undefined },
        handle: async (request, reply) => {
          reply.hijack()
          await handle(reply, String(request.body))
        },
      }),
  })
})
afterEach(() => server[Symbol.asyncDispose]())

const writerOf = ({ raw }: HttpReply): ResponseWriter => new ResponseWriter(raw, () => undefined)

function requestOf(body: string, headers = '', version = '1.1'): string {
  const length = Buffer.byteLength(body)
  return `POST /ask HTTP/${version}\r\nhost: a\r\n${headers}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`
}

const LAST = 'connection: close\r\n'

/** Sends these bytes and returns everything that the client receives until the connection closes. */
async function exchange(bytes: string): Promise<string> {
  const socket = connect(server.where)
  socket.write(bytes)
  return await readToEnd(socket)
}

/** Writes a response, plain or as a stream. */
const KINDS: Readonly<Record<string, (writer: ResponseWriter) => void>> = {
  plain: (writer) => writer.sendBody({ 'content-type': 'application/json' }, '{"a":"ü"}'),
  streamed(writer) {
    writer.beginStream({ 'content-type': 'text/event-stream' })
    writer.writeEvent('data: ü\n\n')
    writer.writeEvent('data: b\n\n')
    writer.endStream('data: [DONE]\n\n')
  },
}

/** The lines of the head, sorted and without the date, and the body without its chunk sizes. */
function partsOf(received: string): { head: string[]; body: string } {
  const [head = '', ...body] = received.split('\r\n\r\n')
  const lines = head
    .split('\r\n')
    .map((line) => (line.startsWith('Date: ') ? dated(line) : line.toLowerCase()))
  return { head: lines.sort(), body: withoutSizes(body.join('\r\n\r\n')) }
}

/** Into how many HTTP chunks Node puts several writes depends on the version of Node. */
function withoutSizes(body: string): string {
  return body.replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '')
}

function dated(line: string): string {
  expect(Math.abs(Date.parse(line.slice('Date: '.length)) - Date.now())).toBeLessThan(5000)
  return 'date'
}

describe.each(Object.entries(KINDS))('a %s response', (_kind, write) => {
  test.each([
    ['on a connection that is kept alive', ''],
    ['on the last request of a connection', LAST],
  ])('has the same bytes written directly to the socket or through Node, %s', async (_name, headers) => {
    const after = headers === '' ? requestOf('', `${LAST}x-after: 1\r\n`) : ''
    const received: string[] = []
    for (const isDirect of [true, false]) {
      handle = (reply) => {
        if (reply.request.headers['x-after'] !== undefined) return reply.raw.end()
        const writer = writerOf(reply)
        // A header that was set on the response makes Node write it.
        if (!isDirect) reply.raw.setHeader('x-else', '1')
        return write(writer)
      }
      const text = await exchange(requestOf('{}', headers) + after)
      expect(text.includes('x-else: 1\r\n')).toBe(!isDirect)
      received.push(text.replace('x-else: 1\r\n', ''))
    }
    const [direct = '', through = ''] = received
    expect(partsOf(direct.split('HTTP/1.1 200')[1] ?? '')).toEqual(
      partsOf(through.split('HTTP/1.1 200')[1] ?? ''),
    )
    expect(direct).toContain(headers === '' ? 'Keep-Alive: timeout=75' : 'Connection: close')
  })

  test('to an HTTP/1.0 client is written by Node', async () => {
    handle = (reply) => write(writerOf(reply))
    const text = await exchange(requestOf('{}', '', '1.0'))
    expect(text.toLowerCase()).toContain('connection: close')
    expect(text).not.toMatch(/transfer-encoding/i)
    expect(text).toContain('ü')
  })
})

test('pipelined responses are sent in the order of their requests, whichever is ready first', async () => {
  const order = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 9 })), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(order, async (handled) => {
      const came: HttpReply[] = []
      const all = Promise.withResolvers<void>()
      handle = (reply) => {
        came.push(reply)
        if (came.length === handled.length) all.resolve()
      }
      const last = handled.length - 1
      const received = exchange(handled.map((_, at) => requestOf(`${at}`, at === last ? LAST : '')).join(''))
      await all.promise
      const byRank = [...handled.entries()].sort(([, a], [, b]) => a[1] - b[1])
      for (const [at, [isPlain]] of byRank) {
        const reply = came[at]
        if (reply === undefined) throw new Error('it never came')
        const writer = writerOf(reply)
        if (isPlain) writer.sendBody({}, `<${at}>`)
        else {
          writer.beginStream({})
          writer.writeEvent('<')
          writer.endStream(`${at}>`)
        }
        await new Promise(setImmediate)
      }
      const text = await received
      const numbers = [...text.matchAll(/<[\r\n\d]*?(\d)>/g)].map(([, number]) => Number(number))
      expect(numbers).toEqual(handled.map((_, at) => at))
    }),
    { numRuns: 60 },
  )
})

test('a response to a slow reader finishes with its last byte, and the connection serves the next request', async () => {
  const text = 'x'.repeat(3_000_000)
  const handled = Promise.withResolvers<HttpReply>()
  handle = (reply, body) => {
    handled.resolve(reply)
    writerOf(reply).sendBody({}, body === '1' ? text : 'second')
  }
  const socket = connect(server.where)
  socket.pause()
  socket.write(requestOf('1'))
  const { raw } = await handled.promise
  await expect.poll(() => raw.writableEnded).toBe(true)
  await new Promise(setImmediate)
  expect(raw.writableFinished).toBe(false)
  expect(statuses).toEqual([])
  socket.resume()
  expect((await readUntil(socket, /x{100}$/, text.length)).length).toBeGreaterThan(text.length)
  await expect.poll(() => statuses).toEqual([200])
  socket.write(requestOf('2', LAST))
  expect(await readToEnd(socket)).toContain('second')
  await expect.poll(() => statuses).toEqual([200, 200])
})

async function readUntil(socket: Socket, end: RegExp, atLeast: number): Promise<string> {
  let received = ''
  for (;;) {
    const [piece] = (await once(socket, 'data')) as [Buffer]
    received += piece.toString()
    if (received.length >= atLeast && end.test(received.slice(-200))) return received
  }
}

test('writes after the end are dropped and do not corrupt the next response of the connection', async () => {
  const handled = Promise.withResolvers<HttpReply>()
  handle = (reply, body) => (body === '1' ? handled.resolve(reply) : writerOf(reply).sendBody({}, 'second'))
  const socket = connect(server.where)
  socket.pause()
  socket.write(requestOf('1') + requestOf('2', LAST))
  const writer = writerOf(await handled.promise)
  writer.beginStream({})
  writer.writeEvent('x'.repeat(2_000_000))
  writer.endStream('data: [DONE]\n\n')
  writer.endStream('data: late\n\n')
  writer.writeEvent('data: later\n\n')
  socket.resume()
  const received = await readToEnd(socket)
  expect(received).not.toContain('late')
  expect(received.split('[DONE]')[1]).toMatch(/^\n\n\r\n0\r\n\r\nHTTP\/1.1 200 OK\r\n/)
  expect(received).toContain('second')
  await expect.poll(() => statuses).toEqual([200, 200])
})

test.each(Object.entries(KINDS))(
  'a %s response to a caller that has just disconnected is not counted as sent',
  async (_kind, write) => {
    const handled = Promise.withResolvers<HttpReply>()
    handle = (reply) => handled.resolve(reply)
    const socket = connect(server.where)
    socket.write(requestOf('{}'))
    const reply = await handled.promise
    socket.destroy()
    await new Promise<void>((resolve) => process.nextTick(resolve))
    write(writerOf(reply))
    await once(reply.raw, 'close')
    await new Promise(setImmediate)
    expect(statuses).toEqual([])
  },
)

test('after the last response of a connection nothing more is sent, even if it is ready', async () => {
  const came: HttpReply[] = []
  const all = Promise.withResolvers<void>()
  handle = (reply) => {
    came.push(reply)
    // A server that is stopping sets this.
    reply.raw.shouldKeepAlive = false
    if (came.length === 3) all.resolve()
  }
  const received = exchange(requestOf('1') + requestOf('2') + requestOf('3'))
  await all.promise
  for (const at of [1, 0, 2]) {
    const reply = came[at]
    if (reply !== undefined) writerOf(reply).sendBody({}, `answer ${at}`)
    await new Promise(setImmediate)
  }
  expect(await received).toMatch(/answer 0$/)
  expect(statuses).toEqual([200])
})

test('a slow reader that closes its own side gets everything that was written before', async () => {
  const handled = Promise.withResolvers<HttpReply>()
  handle = (reply) => handled.resolve(reply)
  const socket = connect(server.where)
  socket.pause()
  socket.write(requestOf('{}'))
  const reply = await handled.promise
  const writer = writerOf(reply)
  writer.beginStream({})
  writer.writeEvent('x'.repeat(2_000_000))
  socket.end()
  await expect.poll(() => reply.raw.socket?.writable).toBe(false)
  expect(writer.writeEvent('more')).toBe(false)
  writer.endStream('data: [DONE]\n\n')
  socket.resume()
  expect((await readToEnd(socket)).length).toBeGreaterThan(2_000_000)
  expect(statuses).toEqual([])
})

test('a stream whose caller disconnects is not counted as sent', async () => {
  const handled = Promise.withResolvers<HttpReply>()
  handle = (reply) => handled.resolve(reply)
  const socket = connect(server.where)
  socket.write(requestOf('{}'))
  const reply = await handled.promise
  const writer = writerOf(reply)
  writer.beginStream({})
  writer.writeEvent('data: 1\n\n')
  await once(socket, 'data')
  socket.destroy()
  await once(reply.raw, 'close')
  writer.writeEvent('data: 2\n\n')
  writer.endStream('data: [DONE]\n\n')
  await new Promise(setImmediate)
  expect(statuses).toEqual([])
  expect(server.bugs).toEqual([])
})

test('a header that is not plain ASCII is written or refused by Node', async () => {
  handle = (reply) => writerOf(reply).sendBody({ 'x-name': 'é' }, 'fine')
  expect(await exchange(requestOf('{}', LAST))).toContain('fine')
  handle = (reply) => writerOf(reply).sendBody({ 'x-name': 'a\r\nset-cookie: b' }, 'never')
  const refused = await exchange(requestOf('{}', LAST))
  expect(refused).toMatch(/^HTTP\/1.1 500/)
  expect(refused).not.toContain('set-cookie')
})
