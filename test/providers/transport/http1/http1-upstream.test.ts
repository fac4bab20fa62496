import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/base/clock.ts'
import { parseBaseUrl } from '../../../../src/providers/transport/base-url.ts'
import { leanUpstream, type LeanOptions } from '../../../../src/providers/transport/http1/http1-upstream.ts'
import type { Upstream } from '../../../../src/providers/transport/upstream.ts'
import { manualClock, type ManualClock } from '../../../support/manual-clock.ts'
import { hearAnswer, listenTo, QUESTION } from '../../../support/received-response.ts'
import { rawServer, type RawServer } from '../../../support/raw-server.ts'

const open: (() => PromiseLike<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function server(...args: Parameters<typeof rawServer>): Promise<RawServer> {
  const raw = await rawServer(...args)
  open.push(() => raw[Symbol.asyncDispose]())
  return raw
}

function upstreamAt({ baseUrl }: Pick<RawServer, 'baseUrl'>, options: Partial<LeanOptions> = {}): Upstream {
  return leanUpstream(parseBaseUrl(baseUrl), { clock: systemClock, ...options })
}

/** A server that gives the same bytes to everyone. */
function saying(bytes: string, options?: Parameters<typeof rawServer>[1]): Promise<RawServer> {
  return server((socket) => socket.write(bytes), options)
}

const HI = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'
const EVENTS = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))
}

/** Lets the loop turn until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

describe('a request', () => {
  test('is a head and a body, with what the RFC asks for and no more', async () => {
    const raw = await saying(HI)
    await hearAnswer(upstreamAt(raw))
    expect(raw.heard(0)).toBe(
      'POST /v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}',
    )
  })

  test('without a body says so where a body could be', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    await hearAnswer(upstream, { method: 'GET', path: '/models', headers: [], body: undefined })
    await hearAnswer(upstream, { method: 'POST', path: '/stop', headers: [], body: undefined })
    expect(raw.heard(0)).toBe(
      'GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n' +
        'POST /v1/stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n',
    )
  })

  test.each([10, 100_000, 5_000_000])(
    'with a body of %i bytes or characters arrives as it is',
    async (size) => {
      const raw = await saying(HI)
      const upstream = upstreamAt(raw)
      const text = 'abc☃é🦆'.repeat(size / 10)
      for (const value of ['plain', 'b\xfcrger'])
        for (const body of [text, Buffer.from(text)])
          await hearAnswer(upstream, { ...QUESTION, headers: ['x', value], body })
      const request = (value: string) =>
        `POST /v1/chat HTTP/1.1\r\nhost: localhost\r\nx: ${value}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${Buffer.from(text).toString('latin1')}`
      const sent = ['plain', 'plain', 'b\xfcrger', 'b\xfcrger'].map(request).join('')
      expect(raw.heard(0) === sent).toBe(true)
    },
  )

  test('over TCP names the host and port', async () => {
    const raw = await saying(HI, { over: 'tcp' })
    const upstream = upstreamAt({ baseUrl: raw.baseUrl.replace('127.0.0.1', 'localhost') })
    expect((await hearAnswer(upstream)).body.toString()).toBe('hi')
    expect(raw.heard(0)).toContain(
      `\r\nhost: ${new URL(raw.baseUrl).host.replace('127.0.0.1', 'localhost')}\r\n`,
    )
  })

  test.each([
    ['a line break in a value', ['x', 'a\r\nauthorization: b']],
    ['a bare LF in a value', ['x', 'a\nb']],
    ['a NUL in a value', ['x', 'a\0b']],
    ['a character that is no byte', ['x', 'snow ☃']],
    ['a line break in a name', ['x\r\ny', 'a']],
    ['a space in a name', ['x y', 'a']],
    ['an empty name', ['', 'a']],
    ['a name without a value', ['x']],
    ['its own length', ['Content-Length', '1']],
    ['its own coding', ['Transfer-Encoding', 'chunked']],
    ['its own connection', ['connection', 'upgrade']],
    ['a second host', ['Host', 'elsewhere']],
  ])('with %s is never sent, and no value is shown', async (_name, headers) => {
    const raw = await saying(HI)
    const { error, events } = await hearAnswer(upstreamAt(raw), { ...QUESTION, headers })
    expect(error).toMatchObject({ code: 'upstream-failed', message: /can’t be sent/ })
    if (headers[1] !== undefined) expect(error?.message).not.toContain(`“${headers[1]}”`)
    expect(events).toEqual(['error'])
    expect(raw.sockets).toEqual([])
  })

  test.each(['chat', '/a b', '/a\r\nb', '/ü'])('for the path %j is never sent', async (path) => {
    const raw = await saying(HI)
    const { error } = await hearAnswer(
      leanUpstream({ ...parseBaseUrl(raw.baseUrl), prefix: '' }, { clock: systemClock }),
      { ...QUESTION, path },
    )
    expect(error?.code).toBe('upstream-failed')
    expect(raw.sockets).toEqual([])
  })

  test('hears nothing before send has returned', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    await upstream.close()
    for (const headers of [[], ['bad name', 'x']]) {
      const { heard, answer } = listenTo(upstream, { ...QUESTION, headers })
      expect(heard.events).toEqual([])
      expect((await answer).events).toEqual(['error'])
    }
  })
})

describe('a connection', () => {
  test('carries one request after the other', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    for (let nth = 0; nth < 5; nth++) expect((await hearAnswer(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(1)
  })

  test('is free again before its handler hears of the end', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    const second = await new Promise((resolve) => {
      listenTo(upstream, QUESTION, { onEnd: () => resolve(listenTo(upstream).answer) })
    })
    expect(second).toMatchObject({ status: 200, events: ['headers', 'data', 'end'] })
    expect(raw.sockets.length).toBe(1)
  })

  test('that rested least is taken first, so that the others grow old', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    await Promise.all([1, 2, 3].map(() => hearAnswer(upstream)))
    const before = raw.sockets.map((_, nth) => raw.heard(nth).length)
    for (let nth = 0; nth < 4; nth++) await hearAnswer(upstream)
    const used = raw.sockets
      .map((_, nth) => raw.heard(nth).length - (before[nth] ?? 0))
      .filter((more) => more > 0)
    expect(raw.sockets.length).toBe(3)
    expect(used.length).toBe(1)
  })

  test.each([
    ['says that it closes', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi'],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi'],
    ['sends more than its answer', `${HI}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`],
    ['sends more than no content', 'HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nhi'],
  ])('whose provider %s is not used again', async (_name, bytes) => {
    const raw = await saying(bytes)
    const upstream = upstreamAt(raw)
    for (let nth = 0; nth < 2; nth++) expect((await hearAnswer(upstream)).events.at(-1)).toBe('end')
    expect(raw.sockets.length).toBe(2)
    await upstream.close()
  })

  test('that says something while it rests is closed: the next answer is the next request’s', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    await hearAnswer(upstream)
    const first = await raw.connected(0)
    first.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged')
    await closed(first)
    expect((await hearAnswer(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(2)
  })

  test('that the provider closes while it rests is not used again', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    await hearAnswer(upstream)
    const first = await raw.connected(0)
    first.end()
    await closed(first)
    expect((await hearAnswer(upstream)).body.toString()).toBe('hi')
  })

  test.each([
    ['30 seconds', HI, 29_000],
    ['a second less than Keep-Alive says', HI.replace('\r\n\r\n', '\r\nkeep-alive: timeout=5\r\n\r\n'), 3500],
  ])('rests for %s', async (_name, bytes, atLeast) => {
    const clock = manualClock()
    const raw = await saying(bytes)
    const upstream = upstreamAt(raw, { clock })
    await hearAnswer(upstream)
    clock.advance(atLeast)
    await hearAnswer(upstream)
    expect(raw.sockets.length).toBe(1)
    clock.advance(atLeast + 2000)
    await closed(await raw.connected(0))
  })

  test('is closed when the provider answers before it has heard the whole request', async () => {
    let isAsked = false
    const raw = await server(() => {}, { over: 'tcp' })
    const upstream = upstreamAt(raw)
    const { answer } = listenTo(upstream, { ...QUESTION, body: Buffer.alloc(64 * 1024 * 1024) })
    const socket = await raw.connected(0)
    socket.once('data', () => {
      isAsked = true
      socket.pause()
      socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig')
    })
    expect(await answer).toMatchObject({ status: 413, events: ['headers', 'data', 'end'] })
    expect(isAsked).toBe(true)
    socket.resume()
    await closed(socket)
  })
})

describe('more requests than connections', () => {
  test('wait and are served in their order', async () => {
    const raw = await server((socket) => setImmediate(() => socket.write(HI)))
    const upstream = upstreamAt(raw, { mostConnections: 2 })
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        listenTo(upstream, { ...QUESTION, path: `/${nth}` }).answer.then(() => order.push(nth)),
      ),
    )
    expect(raw.sockets.length).toBe(2)
    expect(order).toEqual(Array.from({ length: 20 }, (_, nth) => nth))
  })

  test('take over the place of a connection that broke', async () => {
    const raw = await server((socket, nth) => (nth === 0 ? socket.destroy() : socket.write(HI)))
    const upstream = upstreamAt(raw, { mostConnections: 1 })
    const answers = await Promise.all([1, 2, 3].map(() => hearAnswer(upstream)))
    expect(answers.map(({ events }) => events.at(-1))).toEqual(['error', 'end', 'end'])
  })

  test('are never sent when their callers leave while they wait', async () => {
    const raw = await server((socket) => socket.write(HI))
    const upstream = upstreamAt(raw, { mostConnections: 1 })
    const calls = [1, 2, 3].map((nth) => listenTo(upstream, { ...QUESTION, path: `/${nth}` }))
    calls[1]?.call.abort()
    await calls[2]?.answer
    expect(raw.heard(0)).toContain('/v1/1 ')
    expect(raw.heard(0)).not.toContain('/v1/2 ')
    expect(calls[1]?.heard.events).toEqual([])
  })

  test('don’t wait for ever', async () => {
    const clock = manualClock()
    const raw = await server(() => {})
    const upstream = upstreamAt(raw, { clock, mostConnections: 1, timeouts: { headersMs: 300_000 } })
    listenTo(upstream)
    await raw.connected(0)
    const { answer } = listenTo(upstream)
    clock.advance(302_000)
    expect((await answer).error).toMatchObject({ code: 'upstream-timeout', details: { mayRepeat: true } })
  })
})

describe('who leaves', () => {
  test('before there is a connection is never heard of', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    const { call, heard } = listenTo(upstream)
    call.abort()
    await hearAnswer(upstream)
    await upstream.close()
    expect(raw.sockets.map((_, nth) => raw.heard(nth)).filter((text) => text !== '').length).toBe(1)
    expect(heard.events).toEqual([])
  })

  test.each([
    ['before the answer', '', 0],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\n', 0],
    ['in the middle of the answer', EVENTS, 2],
  ])('%s closes the connection and hears nothing more', async (_name, bytes, events) => {
    const raw = await server((socket) => socket.write(bytes))
    const upstream = upstreamAt(raw)
    const { call, heard } = listenTo(upstream)
    const socket = await raw.connected(0)
    await until(() => raw.heard(0) !== '' && heard.events.length >= events)
    call.abort()
    call.abort()
    await closed(socket)
    expect(heard.events.length).toBe(events)
    await upstream.close()
    expect(heard.events.length).toBe(events)
  })

  test.each(['onHeaders', 'onData'] as const)(
    'inside %s hears nothing more, though more was there',
    async (where) => {
      const raw = await saying(`${EVENTS}5\r\nhello\r\n0\r\n\r\n`)
      const upstream = upstreamAt(raw)
      const { call, heard } = listenTo(upstream, QUESTION, { [where]: () => call.abort() })
      await closed(await raw.connected(0))
      expect(heard.body.toString()).toBe(where === 'onData' ? 'hello' : '')
      expect(heard.events.at(-1)).toBe(where === 'onData' ? 'data' : 'headers')
    },
  )

  test('after the end changes nothing', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    const { call, answer } = listenTo(upstream)
    await answer
    call.abort()
    call.pause()
    call.resume()
    expect((await hearAnswer(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(1)
  })
})

describe('a failure', () => {
  test('to connect says where, and that the provider has not read the request', async () => {
    const raw = await saying(HI, { over: 'tcp' })
    const upstream = upstreamAt(raw)
    await raw[Symbol.asyncDispose]()
    const { error } = await hearAnswer(upstream)
    expect(error).toMatchObject({ code: 'upstream-failed', details: { mayRepeat: true } })
    expect(error?.message).toContain(new URL(raw.baseUrl).host)
    expect(error?.message).toContain('ECONNREFUSED')
    expect(error?.cause).toBeInstanceOf(Error)
  })

  test('to connect to a name with several addresses says what was wrong with each', async () => {
    const raw = await saying(HI, { over: 'tcp' })
    await raw[Symbol.asyncDispose]()
    const upstream = upstreamAt({ baseUrl: raw.baseUrl.replace('127.0.0.1', 'localhost') })
    expect((await hearAnswer(upstream)).error?.message).toMatch(/localhost:\d+: .*ECONNREFUSED/)
  })

  const stages: [string, string, RegExp][] = [
    ['before it answered', '', /before it answered/],
    ['in the middle of the status line', 'HTTP/1.1 2', /middle of its headers/],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\ncontent-le', /middle of its headers/],
    ['after an interim answer', 'HTTP/1.1 100 Continue\r\n\r\n', /middle of its headers/],
    ['in the middle of a body with a length', HI.slice(0, -1), /middle of its answer/],
    ['in the middle of a chunk', EVENTS.slice(0, -4), /middle of its answer/],
    ['between two chunks', EVENTS, /middle of its answer/],
    ['before the last empty line', `${EVENTS}0\r\n`, /middle of its answer/],
  ]

  test.each(stages)('of a connection that is closed %s is told once', async (_name, bytes, message) => {
    const raw = await server((socket) => socket.end(bytes))
    const { error, events } = await hearAnswer(upstreamAt(raw))
    expect(error).toMatchObject({ code: 'upstream-failed', message })
    expect(error?.details.mayRepeat).toBeUndefined()
    expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['error'])
  })

  test.each(stages)('of a connection that is reset %s is told once', async (_name, bytes) => {
    const raw = await server((socket) => socket.write(bytes, () => socket.resetAndDestroy()), { over: 'tcp' })
    const upstream = upstreamAt(raw)
    const { error, events } = await hearAnswer(upstream)
    expect(error?.code).toBe('upstream-failed')
    expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['error'])
    await upstream.close()
  })

  test('of a kept connection that is given up unread is none: the request goes over a new one', async () => {
    const raw = await server((socket, nth) => (nth === 1 ? socket.destroy() : socket.write(HI)))
    const upstream = upstreamAt(raw)
    await hearAnswer(upstream)
    const { body, events } = await hearAnswer(upstream)
    expect(body.toString()).toBe('hi')
    expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['end'])
    expect(raw.sockets.length).toBe(2)
  })

  test('of the new connection as well is told: nothing is sent a third time', async () => {
    const raw = await server((socket, nth) => (nth === 0 ? socket.write(HI) : socket.destroy()))
    const upstream = upstreamAt(raw)
    await hearAnswer(upstream)
    const { error } = await hearAnswer(upstream)
    expect(error?.code).toBe('upstream-failed')
    expect(error?.details.mayRepeat).toBeUndefined()
    expect(raw.sockets.length).toBe(2)
  })

  test('of a kept connection that is closed later may not: the provider may have been at work', async () => {
    const clock = manualClock()
    const raw = await server((socket, nth) => {
      if (nth === 0) return socket.write(HI)
      clock.advance(5000)
      return socket.destroy()
    })
    const upstream = upstreamAt(raw, { clock })
    await hearAnswer(upstream)
    expect((await hearAnswer(upstream)).error?.details).toEqual({})
  })

  test('to speak HTTP is told at once and closes the connection', async () => {
    const raw = await saying('SSH-2.0-OpenSSH_9.6\r\n')
    const { error } = await hearAnswer(upstreamAt(raw))
    expect(error).toMatchObject({
      code: 'upstream-failed',
      message: /can’t be understood: it does not begin with HTTP/,
    })
    await closed(await raw.connected(0))
  })

  test.each(['onHeaders', 'onData', 'onEnd'] as const)(
    'of the handler in %s is its own error',
    async (where) => {
      const raw = await saying(HI)
      const upstream = upstreamAt(raw)
      const { answer } = listenTo(upstream, QUESTION, {
        [where]() {
          throw new TypeError('a bug')
        },
      })
      const { error } = await answer
      expect(error).toMatchObject({ code: 'internal', cause: { message: 'a bug' } })
      await upstream.close()
    },
  )
})

describe('an answer without a length', () => {
  test('ends with the connection', async () => {
    const raw = await server((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'))
    const { body, events } = await hearAnswer(upstreamAt(raw))
    expect(body.toString()).toBe('all of it')
    expect(events).toEqual(['headers', 'data', 'end'])
  })

  test('that is reset has failed', async () => {
    const raw = await server((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf'), { over: 'tcp' })
    const upstream = upstreamAt(raw)
    const { answer } = listenTo(upstream, QUESTION, { onData: () => raw.sockets[0]?.resetAndDestroy() })
    expect((await answer).events.at(-1)).toBe('error')
  })
})

describe('silence', () => {
  const timeouts = { connectMs: 2000, headersMs: 4000, gapMs: 3000 }

  async function silentAfter(
    bytes: string,
  ): Promise<{ clock: ManualClock; raw: RawServer; upstream: Upstream }> {
    const clock = manualClock()
    const raw = await server((socket) => socket.write(bytes))
    return { clock, raw, upstream: upstreamAt(raw, { clock, timeouts }) }
  }

  test.each([
    ['before the answer', '', 0, 4000],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\n', 0, 4000],
    ['after an interim answer', 'HTTP/1.1 102 Processing\r\n\r\n', 0, 4000],
    ['after the headers', EVENTS.slice(0, -10), 1, 3000],
    ['in the middle of the answer', EVENTS, 2, 3000],
  ])('%s has its limit', async (_name, bytes, events, limit) => {
    const { clock, raw, upstream } = await silentAfter(bytes)
    const { heard, answer } = listenTo(upstream)
    const socket = await raw.connected(0)
    await until(() => raw.heard(0) !== '' && heard.events.length >= events)
    clock.advance(limit - 100)
    expect(heard.error).toBeUndefined()
    clock.advance(1500)
    expect((await answer).error).toMatchObject({ code: 'upstream-timeout', message: /took too long/ })
    await closed(socket)
  })

  test('is over with each sign of life', async () => {
    const { clock, raw, upstream } = await silentAfter(EVENTS)
    let pieces = 0
    const { heard, answer } = listenTo(upstream, QUESTION, { onData: () => pieces++ })
    const socket = await raw.connected(0)
    for (let nth = 1; nth < 10; nth++) {
      await until(() => pieces >= nth)
      clock.advance(2900)
      socket.write('5\r\nhello\r\n')
    }
    socket.write('0\r\n\r\n')
    expect((await answer).error).toBeUndefined()
    expect(heard.body.length).toBe(50)
  })

  test('is not counted while the caller does not listen', async () => {
    const { clock, raw, upstream } = await silentAfter(EVENTS)
    const { call, heard, answer } = listenTo(upstream, QUESTION, { onData: () => call.pause() })
    const socket = await raw.connected(0)
    await until(() => heard.body.length === 5)
    clock.advance(60_000)
    expect(heard.events).toEqual(['headers', 'data'])
    socket.write('0\r\n\r\n')
    call.resume()
    expect((await answer).events).toEqual(['headers', 'data', 'end'])
  })

  test('counts again from when the caller listens again', async () => {
    const { clock, upstream } = await silentAfter(EVENTS)
    const { call, heard, answer } = listenTo(upstream, QUESTION, { onData: () => call.pause() })
    await until(() => heard.body.length === 5)
    clock.advance(60_000)
    call.resume()
    clock.advance(5000)
    expect((await answer).error?.code).toBe('upstream-timeout')
  })

  test('costs no timer once nothing is connected', async () => {
    const clock = manualClock()
    const upstream = upstreamAt(await saying(HI), { clock })
    await hearAnswer(upstream)
    expect(clock.waiting).toBe(1)
    await upstream.close()
    clock.advance(2000)
    expect(clock.waiting).toBe(0)
  })
})

describe('a caller who reads slowly', () => {
  test('stops the provider, and gets everything in the end', async () => {
    const size = 32 * 1024 * 1024
    const raw = await server((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'x'))
    })
    const upstream = upstreamAt(raw)
    let bytes = 0
    const done = Promise.withResolvers<void>()
    const call = upstream.send(QUESTION, {
      onHeaders: () => call.pause(),
      onData: (piece) => (bytes += piece.length),
      onEnd: () => done.resolve(),
      onError: (error) => done.reject(error),
    })
    const socket = await raw.connected(0)
    await until(() => socket.writableLength > 0 && socket.bytesWritten > 0)
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(bytes).toBeLessThanOrEqual(64 * 1024)
    call.resume()
    await done.promise
    expect(bytes).toBe(size)
  })

  test('may say so before the request has a connection', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw, { mostConnections: 1 })
    const first = listenTo(upstream)
    const queued = listenTo(upstream)
    first.call.pause()
    queued.call.pause()
    await raw.connected(0)
    first.call.resume()
    await first.answer
    await until(() => raw.heard(0).split('POST').length === 3)
    expect(queued.heard.events).toEqual([])
    queued.call.resume()
    expect((await queued.answer).body.toString()).toBe('hi')
  })

  test('leaves no connection behind that doesn’t listen', async () => {
    const raw = await saying(HI)
    const upstream = upstreamAt(raw)
    const { call, answer } = listenTo(upstream, QUESTION, { onHeaders: () => call.pause() })
    await answer
    expect((await hearAnswer(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(1)
  })
})

describe('closing', () => {
  test('lets running and waiting calls end, refuses new ones, and leaves nothing open', async () => {
    const raw = await server((socket) => setImmediate(() => socket.write(HI)))
    const upstream = upstreamAt(raw, { mostConnections: 2 })
    await Promise.all([hearAnswer(upstream), hearAnswer(upstream)])
    const running = [1, 2, 3, 4].map(() => hearAnswer(upstream))
    const closing = upstream.close()
    const late = await hearAnswer(upstream)
    expect(late.error).toMatchObject({ code: 'upstream-failed', details: { mayRepeat: true } })
    expect((await Promise.all(running)).map(({ events }) => events.at(-1))).toEqual([
      'end',
      'end',
      'end',
      'end',
    ])
    await closing
    await upstream.close()
    await Promise.all(raw.sockets.map(closed))
    expect(raw.openCount).toBe(0)
  })

  test('of what was never used is done at once', async () => {
    await expect(upstreamAt({ baseUrl: 'http://127.0.0.1:1/v1' }).close()).resolves.toBeUndefined()
  })
})
