import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { addShort } from '../../../../src/server/http/fast-path.ts'
import type { DoorReply } from '../../../../src/server/http/node/request-types.ts'
import { ReplyWire } from '../../../../src/server/rest/inference/response-writer.ts'
import { openDoor, type OpenDoor } from '../../http/open-server.ts'
import { readToEnd } from '../../../support/raw-http.ts'

let door: OpenDoor
let statuses: number[]
let answer: (reply: DoorReply, body: string) => unknown
beforeEach(async () => {
  statuses = []
  door = await openDoor({
    bodyLimit: 100_000,
    onAnswer: (status) => statuses.push(status),
    routes: (opened) =>
      addShort(opened, '/ask', {
        enter: () => () => undefined,
        handle: async (request, reply) => {
          reply.hijack()
          await answer(reply, String(request.body))
        },
      }),
  })
})
afterEach(() => door[Symbol.asyncDispose]())

const wireOf = ({ raw }: DoorReply): ReplyWire => new ReplyWire(raw, () => undefined)

function requestOf(body: string, headers = '', version = '1.1'): string {
  const length = Buffer.byteLength(body)
  return `POST /ask HTTP/${version}\r\nhost: a\r\n${headers}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`
}

const LAST = 'connection: close\r\n'

/** Sends these bytes and returns everything that the client receives until the connection closes. */
async function hear(bytes: string): Promise<string> {
  const socket = connect(door.where)
  socket.write(bytes)
  return await readToEnd(socket)
}

/** Writes a response, plain or as a stream. */
const KINDS: Readonly<Record<string, (wire: ReplyWire) => void>> = {
  plain: (wire) => wire.answer({ 'content-type': 'application/json' }, '{"a":"ü"}'),
  streamed(wire) {
    wire.beginStream({ 'content-type': 'text/event-stream' })
    wire.writeEvent('data: ü\n\n')
    wire.writeEvent('data: b\n\n')
    wire.last('data: [DONE]\n\n')
  },
}

/** The lines of the head, sorted and without the date, and the body without its chunk sizes. */
function partsOf(heard: string): { head: string[]; body: string } {
  const [head = '', ...body] = heard.split('\r\n\r\n')
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

describe.each(Object.entries(KINDS))('a %s response', (_kind, tell) => {
  test.each([
    ['on a connection that is kept alive', ''],
    ['on the last request of a connection', LAST],
  ])('has the same bytes written directly to the socket or through Node, %s', async (_name, headers) => {
    const after = headers === '' ? requestOf('', `${LAST}x-after: 1\r\n`) : ''
    const heard: string[] = []
    for (const isStraight of [true, false]) {
      answer = (reply) => {
        if (reply.request.headers['x-after'] !== undefined) return reply.raw.end()
        const wire = wireOf(reply)
        // A header that was set on the response makes Node write it.
        if (!isStraight) reply.raw.setHeader('x-else', '1')
        return tell(wire)
      }
      const said = await hear(requestOf('{}', headers) + after)
      expect(said.includes('x-else: 1\r\n')).toBe(!isStraight)
      heard.push(said.replace('x-else: 1\r\n', ''))
    }
    const [straight = '', through = ''] = heard
    expect(partsOf(straight.split('HTTP/1.1 200')[1] ?? '')).toEqual(
      partsOf(through.split('HTTP/1.1 200')[1] ?? ''),
    )
    expect(straight).toContain(headers === '' ? 'Keep-Alive: timeout=75' : 'Connection: close')
  })

  test('to an HTTP/1.0 client is written by Node', async () => {
    answer = (reply) => tell(wireOf(reply))
    const said = await hear(requestOf('{}', '', '1.0'))
    expect(said.toLowerCase()).toContain('connection: close')
    expect(said).not.toMatch(/transfer-encoding/i)
    expect(said).toContain('ü')
  })
})

test('pipelined responses are sent in the order of their requests, whichever is ready first', async () => {
  const order = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 9 })), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(order, async (asked) => {
      const came: DoorReply[] = []
      const all = Promise.withResolvers<void>()
      answer = (reply) => {
        came.push(reply)
        if (came.length === asked.length) all.resolve()
      }
      const last = asked.length - 1
      const heard = hear(asked.map((_, at) => requestOf(`${at}`, at === last ? LAST : '')).join(''))
      await all.promise
      const byRank = [...asked.entries()].sort(([, a], [, b]) => a[1] - b[1])
      for (const [at, [isPlain]] of byRank) {
        const reply = came[at]
        if (reply === undefined) throw new Error('it never came')
        const wire = wireOf(reply)
        if (isPlain) wire.answer({}, `<${at}>`)
        else {
          wire.beginStream({})
          wire.writeEvent('<')
          wire.last(`${at}>`)
        }
        await new Promise(setImmediate)
      }
      const said = await heard
      const numbers = [...said.matchAll(/<[\r\n\d]*?(\d)>/g)].map(([, number]) => Number(number))
      expect(numbers).toEqual(asked.map((_, at) => at))
    }),
    { numRuns: 60 },
  )
})

test('a response to a slow reader finishes with its last byte, and the connection serves the next request', async () => {
  const text = 'x'.repeat(3_000_000)
  const asked = Promise.withResolvers<DoorReply>()
  answer = (reply, body) => {
    asked.resolve(reply)
    wireOf(reply).answer({}, body === '1' ? text : 'second')
  }
  const socket = connect(door.where)
  socket.pause()
  socket.write(requestOf('1'))
  const { raw } = await asked.promise
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
  let heard = ''
  for (;;) {
    const [piece] = (await once(socket, 'data')) as [Buffer]
    heard += piece.toString()
    if (heard.length >= atLeast && end.test(heard.slice(-200))) return heard
  }
}

test('writes after the end are dropped and do not corrupt the next response of the connection', async () => {
  const asked = Promise.withResolvers<DoorReply>()
  answer = (reply, body) => (body === '1' ? asked.resolve(reply) : wireOf(reply).answer({}, 'second'))
  const socket = connect(door.where)
  socket.pause()
  socket.write(requestOf('1') + requestOf('2', LAST))
  const wire = wireOf(await asked.promise)
  wire.beginStream({})
  wire.writeEvent('x'.repeat(2_000_000))
  wire.last('data: [DONE]\n\n')
  wire.last('data: late\n\n')
  wire.writeEvent('data: later\n\n')
  socket.resume()
  const heard = await readToEnd(socket)
  expect(heard).not.toContain('late')
  expect(heard.split('[DONE]')[1]).toMatch(/^\n\n\r\n0\r\n\r\nHTTP\/1.1 200 OK\r\n/)
  expect(heard).toContain('second')
  await expect.poll(() => statuses).toEqual([200, 200])
})

test.each(Object.entries(KINDS))(
  'a %s response to a caller that has just disconnected is not counted as sent',
  async (_kind, tell) => {
    const asked = Promise.withResolvers<DoorReply>()
    answer = (reply) => asked.resolve(reply)
    const socket = connect(door.where)
    socket.write(requestOf('{}'))
    const reply = await asked.promise
    socket.destroy()
    await new Promise<void>((resolve) => process.nextTick(resolve))
    tell(wireOf(reply))
    await once(reply.raw, 'close')
    await new Promise(setImmediate)
    expect(statuses).toEqual([])
  },
)

test('after the last response of a connection nothing more is sent, even if it is ready', async () => {
  const came: DoorReply[] = []
  const all = Promise.withResolvers<void>()
  answer = (reply) => {
    came.push(reply)
    // A server that is stopping sets this.
    reply.raw.shouldKeepAlive = false
    if (came.length === 3) all.resolve()
  }
  const heard = hear(requestOf('1') + requestOf('2') + requestOf('3'))
  await all.promise
  for (const at of [1, 0, 2]) {
    const reply = came[at]
    if (reply !== undefined) wireOf(reply).answer({}, `answer ${at}`)
    await new Promise(setImmediate)
  }
  expect(await heard).toMatch(/answer 0$/)
  expect(statuses).toEqual([200])
})

test('a slow reader that closes its own side gets everything that was written before', async () => {
  const asked = Promise.withResolvers<DoorReply>()
  answer = (reply) => asked.resolve(reply)
  const socket = connect(door.where)
  socket.pause()
  socket.write(requestOf('{}'))
  const reply = await asked.promise
  const wire = wireOf(reply)
  wire.beginStream({})
  wire.writeEvent('x'.repeat(2_000_000))
  socket.end()
  await expect.poll(() => reply.raw.socket?.writable).toBe(false)
  expect(wire.writeEvent('more')).toBe(false)
  wire.last('data: [DONE]\n\n')
  socket.resume()
  expect((await readToEnd(socket)).length).toBeGreaterThan(2_000_000)
  expect(statuses).toEqual([])
})

test('a stream whose caller disconnects is not counted as sent', async () => {
  const asked = Promise.withResolvers<DoorReply>()
  answer = (reply) => asked.resolve(reply)
  const socket = connect(door.where)
  socket.write(requestOf('{}'))
  const reply = await asked.promise
  const wire = wireOf(reply)
  wire.beginStream({})
  wire.writeEvent('data: 1\n\n')
  await once(socket, 'data')
  socket.destroy()
  await once(reply.raw, 'close')
  wire.writeEvent('data: 2\n\n')
  wire.last('data: [DONE]\n\n')
  await new Promise(setImmediate)
  expect(statuses).toEqual([])
  expect(door.bugs).toEqual([])
})

test('a header that is not plain ASCII is written or refused by Node', async () => {
  answer = (reply) => wireOf(reply).answer({ 'x-name': 'é' }, 'fine')
  expect(await hear(requestOf('{}', LAST))).toContain('fine')
  answer = (reply) => wireOf(reply).answer({ 'x-name': 'a\r\nset-cookie: b' }, 'never')
  const refused = await hear(requestOf('{}', LAST))
  expect(refused).toMatch(/^HTTP\/1.1 500/)
  expect(refused).not.toContain('set-cookie')
})
