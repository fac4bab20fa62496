import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/base/clock.ts'
import { parseBaseUrl } from '../../../../src/providers/transport/base-url.ts'
import { http1Upstream, type Http1Options } from '../../../../src/providers/transport/http1/http1-upstream.ts'
import type { Upstream } from '../../../../src/providers/transport/upstream.ts'
import { manualClock, type ManualClock } from '../../../support/manual-clock.ts'
import { recordResponse, recordCall, TEST_REQUEST } from '../../../support/received-response.ts'
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

function upstreamAt({ baseUrl }: Pick<RawServer, 'baseUrl'>, options: Partial<Http1Options> = {}): Upstream {
  return http1Upstream(parseBaseUrl(baseUrl), { clock: systemClock, ...options })
}

/** A server that sends the same bytes to every request. */
function serverSending(bytes: string, options?: Parameters<typeof rawServer>[1]): Promise<RawServer> {
  return server((socket) => socket.write(bytes), options)
}

const HI = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'
const EVENTS = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))
}

/** Lets the event loop turn until the condition holds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

describe('a request', () => {
  test('is sent as a head and a body, with the headers that the RFC requires and no others', async () => {
    const raw = await serverSending(HI)
    await recordResponse(upstreamAt(raw))
    expect(raw.received(0)).toBe(
      'POST /v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}',
    )
  })

  test('without a body has “content-length: 0” where a body is possible', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    await recordResponse(upstream, { method: 'GET', path: '/models', headers: [], body: undefined })
    await recordResponse(upstream, { method: 'POST', path: '/stop', headers: [], body: undefined })
    expect(raw.received(0)).toBe(
      'GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n' +
        'POST /v1/stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n',
    )
  })

  test.each([10, 100_000, 5_000_000])(
    'with a body of %i bytes or characters arrives unchanged',
    async (size) => {
      const raw = await serverSending(HI)
      const upstream = upstreamAt(raw)
      const text = 'abc☃é🦆'.repeat(size / 10)
      for (const value of ['plain', 'b\xfcrger'])
        for (const body of [text, Buffer.from(text)])
          await recordResponse(upstream, { ...TEST_REQUEST, headers: ['x', value], body })
      const request = (value: string) =>
        `POST /v1/chat HTTP/1.1\r\nhost: localhost\r\nx: ${value}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${Buffer.from(text).toString('latin1')}`
      const sent = ['plain', 'plain', 'b\xfcrger', 'b\xfcrger'].map(request).join('')
      expect(raw.received(0) === sent).toBe(true)
    },
  )

  test('over TCP has the host and port in its Host header', async () => {
    const raw = await serverSending(HI, { over: 'tcp' })
    const upstream = upstreamAt({ baseUrl: raw.baseUrl.replace('127.0.0.1', 'localhost') })
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(raw.received(0)).toContain(
      `\r\nhost: ${new URL(raw.baseUrl).host.replace('127.0.0.1', 'localhost')}\r\n`,
    )
  })

  test.each([
    ['a line break in a value', ['x', 'a\r\nauthorization: b']],
    ['a bare LF in a value', ['x', 'a\nb']],
    ['a NUL in a value', ['x', 'a\0b']],
    ['a character beyond latin1', ['x', 'snow ☃']],
    ['a line break in a name', ['x\r\ny', 'a']],
    ['a space in a name', ['x y', 'a']],
    ['an empty name', ['', 'a']],
    ['a name without a value', ['x']],
    ['its own length', ['Content-Length', '1']],
    ['its own coding', ['Transfer-Encoding', 'chunked']],
    ['its own connection', ['connection', 'upgrade']],
    ['a second host', ['Host', 'elsewhere']],
  ])('with %s is never sent, and no value is shown', async (_name, headers) => {
    const raw = await serverSending(HI)
    const { error, events } = await recordResponse(upstreamAt(raw), { ...TEST_REQUEST, headers })
    expect(error).toMatchObject({ code: 'upstream-failed', message: /can’t be sent/ })
    if (headers[1] !== undefined) expect(error?.message).not.toContain(`“${headers[1]}”`)
    expect(events).toEqual(['error'])
    expect(raw.sockets).toEqual([])
  })

  test.each(['chat', '/a b', '/a\r\nb', '/ü'])('for the path %j is never sent', async (path) => {
    const raw = await serverSending(HI)
    const { error } = await recordResponse(
      http1Upstream({ ...parseBaseUrl(raw.baseUrl), prefix: '' }, { clock: systemClock }),
      { ...TEST_REQUEST, path },
    )
    expect(error?.code).toBe('upstream-failed')
    expect(raw.sockets).toEqual([])
  })

  test('does not call its handler before send has returned', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    await upstream.close()
    for (const headers of [[], ['bad name', 'x']]) {
      const { recorded, response } = recordCall(upstream, { ...TEST_REQUEST, headers })
      expect(recorded.events).toEqual([])
      expect((await response).events).toEqual(['error'])
    }
  })
})

describe('a connection', () => {
  test('carries one request after the other', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    for (let nth = 0; nth < 5; nth++) expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(1)
  })

  test('is free again before its handler gets the end', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    const second = await new Promise((resolve) => {
      recordCall(upstream, TEST_REQUEST, { onEnd: () => resolve(recordCall(upstream).response) })
    })
    expect(second).toMatchObject({ status: 200, events: ['headers', 'data', 'end'] })
    expect(raw.sockets.length).toBe(1)
  })

  test('is taken most recently used first, so that the others stay idle and are closed', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    await Promise.all([1, 2, 3].map(() => recordResponse(upstream)))
    const before = raw.sockets.map((_, nth) => raw.received(nth).length)
    for (let nth = 0; nth < 4; nth++) await recordResponse(upstream)
    const used = raw.sockets
      .map((_, nth) => raw.received(nth).length - (before[nth] ?? 0))
      .filter((more) => more > 0)
    expect(raw.sockets.length).toBe(3)
    expect(used.length).toBe(1)
  })

  test.each([
    ['sends “connection: close”', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi'],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi'],
    ['sends more than its response', `${HI}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`],
    ['sends more than no content', 'HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nhi'],
  ])('is not reused when the provider %s', async (_name, bytes) => {
    const raw = await serverSending(bytes)
    const upstream = upstreamAt(raw)
    for (let nth = 0; nth < 2; nth++) expect((await recordResponse(upstream)).events.at(-1)).toBe('end')
    expect(raw.sockets.length).toBe(2)
    await upstream.close()
  })

  test('that receives bytes while idle is closed, so that they cannot pass for the next response', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    await recordResponse(upstream)
    const first = await raw.connected(0)
    first.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged')
    await closed(first)
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(2)
  })

  test('that the provider closes while idle is not reused', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    await recordResponse(upstream)
    const first = await raw.connected(0)
    first.end()
    await closed(first)
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
  })

  test.each([
    ['30 seconds', HI, 29_000],
    ['a second less than Keep-Alive says', HI.replace('\r\n\r\n', '\r\nkeep-alive: timeout=5\r\n\r\n'), 3500],
  ])('stays idle for at most %s', async (_name, bytes, atLeast) => {
    const clock = manualClock()
    const raw = await serverSending(bytes)
    const upstream = upstreamAt(raw, { clock })
    await recordResponse(upstream)
    clock.advance(atLeast)
    await recordResponse(upstream)
    expect(raw.sockets.length).toBe(1)
    clock.advance(atLeast + 2000)
    await closed(await raw.connected(0))
  })

  test('is closed when the provider responds before it has read the whole request', async () => {
    let hasRequest = false
    const raw = await server(() => {}, { over: 'tcp' })
    const upstream = upstreamAt(raw)
    const { response } = recordCall(upstream, { ...TEST_REQUEST, body: Buffer.alloc(64 * 1024 * 1024) })
    const socket = await raw.connected(0)
    socket.once('data', () => {
      hasRequest = true
      socket.pause()
      socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig')
    })
    expect(await response).toMatchObject({ status: 413, events: ['headers', 'data', 'end'] })
    expect(hasRequest).toBe(true)
    socket.resume()
    await closed(socket)
  })
})

describe('requests beyond the maximum of connections', () => {
  test('wait and are sent in their order', async () => {
    const raw = await server((socket) => setImmediate(() => socket.write(HI)))
    const upstream = upstreamAt(raw, { maxConnections: 2 })
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        recordCall(upstream, { ...TEST_REQUEST, path: `/${nth}` }).response.then(() => order.push(nth)),
      ),
    )
    expect(raw.sockets.length).toBe(2)
    expect(order).toEqual(Array.from({ length: 20 }, (_, nth) => nth))
  })

  test('get a new connection when one breaks', async () => {
    const raw = await server((socket, nth) => (nth === 0 ? socket.destroy() : socket.write(HI)))
    const upstream = upstreamAt(raw, { maxConnections: 1 })
    const answers = await Promise.all([1, 2, 3].map(() => recordResponse(upstream)))
    expect(answers.map(({ events }) => events.at(-1))).toEqual(['error', 'end', 'end'])
  })

  test('are never sent when they are aborted while they wait', async () => {
    const raw = await server((socket) => socket.write(HI))
    const upstream = upstreamAt(raw, { maxConnections: 1 })
    const calls = [1, 2, 3].map((nth) => recordCall(upstream, { ...TEST_REQUEST, path: `/${nth}` }))
    calls[1]?.call.abort()
    await calls[2]?.response
    expect(raw.received(0)).toContain('/v1/1 ')
    expect(raw.received(0)).not.toContain('/v1/2 ')
    expect(calls[1]?.recorded.events).toEqual([])
  })

  test('fail with a timeout when no connection comes free', async () => {
    const clock = manualClock()
    const raw = await server(() => {})
    const upstream = upstreamAt(raw, { clock, maxConnections: 1, timeouts: { headersMs: 300_000 } })
    recordCall(upstream)
    await raw.connected(0)
    const { response } = recordCall(upstream)
    clock.advance(302_000)
    expect((await response).error).toMatchObject({ code: 'upstream-timeout', details: { mayRepeat: true } })
  })
})

describe('an aborted call', () => {
  test('is never sent when there was no connection yet', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    const { call, recorded } = recordCall(upstream)
    call.abort()
    await recordResponse(upstream)
    await upstream.close()
    expect(raw.sockets.map((_, nth) => raw.received(nth)).filter((text) => text !== '').length).toBe(1)
    expect(recorded.events).toEqual([])
  })

  test.each([
    ['before the response', '', 0],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\n', 0],
    ['in the middle of the response', EVENTS, 2],
  ])('%s closes its connection and gets nothing more', async (_name, bytes, events) => {
    const raw = await server((socket) => socket.write(bytes))
    const upstream = upstreamAt(raw)
    const { call, recorded } = recordCall(upstream)
    const socket = await raw.connected(0)
    await until(() => raw.received(0) !== '' && recorded.events.length >= events)
    call.abort()
    call.abort()
    await closed(socket)
    expect(recorded.events.length).toBe(events)
    await upstream.close()
    expect(recorded.events.length).toBe(events)
  })

  test.each(['onHeaders', 'onData'] as const)(
    'inside %s gets nothing more, though more bytes were received',
    async (where) => {
      const raw = await serverSending(`${EVENTS}5\r\nhello\r\n0\r\n\r\n`)
      const upstream = upstreamAt(raw)
      const { call, recorded } = recordCall(upstream, TEST_REQUEST, { [where]: () => call.abort() })
      await closed(await raw.connected(0))
      expect(recorded.body.toString()).toBe(where === 'onData' ? 'hello' : '')
      expect(recorded.events.at(-1)).toBe(where === 'onData' ? 'data' : 'headers')
    },
  )

  test('is a no-op after the end', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    const { call, response } = recordCall(upstream)
    await response
    call.abort()
    call.pause()
    call.resume()
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(1)
  })
})

describe('a failure', () => {
  test('to connect names the address, and may be repeated', async () => {
    const raw = await serverSending(HI, { over: 'tcp' })
    const upstream = upstreamAt(raw)
    await raw[Symbol.asyncDispose]()
    const { error } = await recordResponse(upstream)
    expect(error).toMatchObject({ code: 'upstream-failed', details: { mayRepeat: true } })
    expect(error?.message).toContain(new URL(raw.baseUrl).host)
    expect(error?.message).toContain('ECONNREFUSED')
    expect(error?.cause).toBeInstanceOf(Error)
  })

  test('to connect to a name with several addresses has the reason of each', async () => {
    const raw = await serverSending(HI, { over: 'tcp' })
    await raw[Symbol.asyncDispose]()
    const upstream = upstreamAt({ baseUrl: raw.baseUrl.replace('127.0.0.1', 'localhost') })
    expect((await recordResponse(upstream)).error?.message).toMatch(/localhost:\d+: .*ECONNREFUSED/)
  })

  const stages: [string, string, RegExp][] = [
    ['before it responded', '', /before it responded/],
    ['in the middle of the status line', 'HTTP/1.1 2', /middle of its headers/],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\ncontent-le', /middle of its headers/],
    ['after an interim response', 'HTTP/1.1 100 Continue\r\n\r\n', /middle of its headers/],
    ['in the middle of a body with a length', HI.slice(0, -1), /middle of its response/],
    ['in the middle of a chunk', EVENTS.slice(0, -4), /middle of its response/],
    ['between two chunks', EVENTS, /middle of its response/],
    ['before the last empty line', `${EVENTS}0\r\n`, /middle of its response/],
  ]

  test.each(stages)('of a connection that is closed %s is reported once', async (_name, bytes, message) => {
    const raw = await server((socket) => socket.end(bytes))
    const { error, events } = await recordResponse(upstreamAt(raw))
    expect(error).toMatchObject({ code: 'upstream-failed', message })
    expect(error?.details.mayRepeat).toBeUndefined()
    expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['error'])
  })

  test.each(stages)('of a connection that is reset %s is reported once', async (_name, bytes) => {
    const raw = await server((socket) => socket.write(bytes, () => socket.resetAndDestroy()), { over: 'tcp' })
    const upstream = upstreamAt(raw)
    const { error, events } = await recordResponse(upstream)
    expect(error?.code).toBe('upstream-failed')
    expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['error'])
    await upstream.close()
  })

  test.each(['unix', 'tcp'] as const)(
    'of a kept connection (%s) that closes after the provider has read the request is reported, and nothing is sent again',
    async (over) => {
      const raw = await server((socket, nth) => (nth === 1 ? socket.destroy() : socket.write(HI)), { over })
      const upstream = upstreamAt(raw)
      await recordResponse(upstream)
      const { error, events } = await recordResponse(upstream)
      expect(error).toMatchObject({ code: 'upstream-failed', details: { isStale: true } })
      expect(error?.details.mayRepeat).toBeUndefined()
      expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['error'])
      expect(raw.sockets.length).toBe(1)
    },
  )

  test('of a kept connection that closes as a request is sent closes the other kept ones, so that the next request gets a new one', async () => {
    const raw = await server((socket, nth) => (nth === 2 ? socket.destroy() : socket.write(HI)))
    const upstream = upstreamAt(raw)
    await Promise.all([recordResponse(upstream), recordResponse(upstream)])
    expect((await recordResponse(upstream)).error?.details.isStale).toBe(true)
    await until(() => raw.openCount === 0)
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(3)
  })

  test.each([10, 40_000, 400_000])(
    'to write the first byte on a kept connection is not reported: a request of %d bytes is sent on a new one',
    async (length) => {
      const raw = await server((socket) => socket.write(HI))
      const upstream = upstreamAt(raw)
      await recordResponse(upstream)
      // Closed within this turn of the event loop, so that the client cannot have seen it yet.
      raw.sockets[0]?.destroy()
      const request = { ...TEST_REQUEST, body: 'x'.repeat(length) }
      const { body, events } = await recordCall(upstream, request).response
      expect(body.toString()).toBe('hi')
      expect(events.filter((event) => event === 'error' || event === 'end')).toEqual(['end'])
      expect(raw.sockets.length).toBe(2)
      expect(raw.received(0)).not.toContain('xxx')
    },
  )

  test('in the middle of a long request on a kept connection is reported, because a part of it was sent', async () => {
    const raw = await server((socket) => socket.write(HI))
    const upstream = upstreamAt(raw)
    await recordResponse(upstream)
    const socket = raw.sockets[0]
    socket?.pause()
    const { response } = recordCall(upstream, { ...TEST_REQUEST, body: 'x'.repeat(8_000_000) })
    await new Promise((resolve) => setImmediate(resolve))
    socket?.destroy()
    const { error } = await response
    expect(error?.code).toBe('upstream-failed')
    expect(error?.details.mayRepeat).toBeUndefined()
    expect(raw.sockets.length).toBe(1)
  })

  test('of a kept connection that is closed later may not be repeated: the provider may have processed the request', async () => {
    const clock = manualClock()
    const raw = await server((socket, nth) => {
      if (nth === 0) return socket.write(HI)
      clock.advance(5000)
      return socket.destroy()
    })
    const upstream = upstreamAt(raw, { clock })
    await recordResponse(upstream)
    expect((await recordResponse(upstream)).error?.details).toEqual({})
  })

  test('to send HTTP is reported at once and closes the connection', async () => {
    const raw = await serverSending('SSH-2.0-OpenSSH_9.6\r\n')
    const { error } = await recordResponse(upstreamAt(raw))
    expect(error).toMatchObject({
      code: 'upstream-failed',
      message: /can’t be understood: it does not begin with HTTP/,
    })
    await closed(await raw.connected(0))
  })

  test.each(['onHeaders', 'onData', 'onEnd'] as const)(
    'of the handler in %s is reported to its onError',
    async (where) => {
      const raw = await serverSending(HI)
      const upstream = upstreamAt(raw)
      const { response } = recordCall(upstream, TEST_REQUEST, {
        [where]() {
          throw new TypeError('a bug')
        },
      })
      const { error } = await response
      expect(error).toMatchObject({ code: 'internal', cause: { message: 'a bug' } })
      await upstream.close()
    },
  )
})

describe('a response without a length', () => {
  test('ends with the connection', async () => {
    const raw = await server((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'))
    const { body, events } = await recordResponse(upstreamAt(raw))
    expect(body.toString()).toBe('all of it')
    expect(events).toEqual(['headers', 'data', 'end'])
  })

  test('fails when the connection is reset', async () => {
    const raw = await server((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf'), { over: 'tcp' })
    const upstream = upstreamAt(raw)
    const { response } = recordCall(upstream, TEST_REQUEST, {
      onData: () => raw.sockets[0]?.resetAndDestroy(),
    })
    expect((await response).events.at(-1)).toBe('error')
  })
})

describe('the silence of a provider', () => {
  const timeouts = { connectMs: 2000, headersMs: 4000, gapMs: 3000 }

  async function silentAfter(
    bytes: string,
  ): Promise<{ clock: ManualClock; raw: RawServer; upstream: Upstream }> {
    const clock = manualClock()
    const raw = await server((socket) => socket.write(bytes))
    return { clock, raw, upstream: upstreamAt(raw, { clock, timeouts }) }
  }

  test.each([
    ['before the response', '', 0, 4000],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\n', 0, 4000],
    ['after an interim response', 'HTTP/1.1 102 Processing\r\n\r\n', 0, 4000],
    ['after the headers', EVENTS.slice(0, -10), 1, 3000],
    ['in the middle of the response', EVENTS, 2, 3000],
  ])('%s ends in a timeout', async (_name, bytes, events, limit) => {
    const { clock, raw, upstream } = await silentAfter(bytes)
    const { recorded, response } = recordCall(upstream)
    const socket = await raw.connected(0)
    await until(() => raw.received(0) !== '' && recorded.events.length >= events)
    clock.advance(limit - 100)
    expect(recorded.error).toBeUndefined()
    clock.advance(1500)
    expect((await response).error).toMatchObject({ code: 'upstream-timeout', message: /took too long/ })
    await closed(socket)
  })

  test('is measured anew after each piece', async () => {
    const { clock, raw, upstream } = await silentAfter(EVENTS)
    let pieces = 0
    const { recorded, response } = recordCall(upstream, TEST_REQUEST, { onData: () => pieces++ })
    const socket = await raw.connected(0)
    for (let nth = 1; nth < 10; nth++) {
      await until(() => pieces >= nth)
      clock.advance(2900)
      socket.write('5\r\nhello\r\n')
    }
    socket.write('0\r\n\r\n')
    expect((await response).error).toBeUndefined()
    expect(recorded.body.length).toBe(50)
  })

  test('is not measured while the call is paused', async () => {
    const { clock, raw, upstream } = await silentAfter(EVENTS)
    const { call, recorded, response } = recordCall(upstream, TEST_REQUEST, { onData: () => call.pause() })
    const socket = await raw.connected(0)
    await until(() => recorded.body.length === 5)
    clock.advance(60_000)
    expect(recorded.events).toEqual(['headers', 'data'])
    socket.write('0\r\n\r\n')
    call.resume()
    expect((await response).events).toEqual(['headers', 'data', 'end'])
  })

  test('is measured again from the moment a call is resumed', async () => {
    const { clock, upstream } = await silentAfter(EVENTS)
    const { call, recorded, response } = recordCall(upstream, TEST_REQUEST, { onData: () => call.pause() })
    await until(() => recorded.body.length === 5)
    clock.advance(60_000)
    call.resume()
    clock.advance(5000)
    expect((await response).error?.code).toBe('upstream-timeout')
  })

  test('needs no timer once nothing is connected', async () => {
    const clock = manualClock()
    const upstream = upstreamAt(await serverSending(HI), { clock })
    await recordResponse(upstream)
    expect(clock.waiting).toBe(1)
    await upstream.close()
    clock.advance(2000)
    expect(clock.waiting).toBe(0)
  })
})

describe('a paused call', () => {
  test('stops the provider, and gets the whole response after it is resumed', async () => {
    const size = 32 * 1024 * 1024
    const raw = await server((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'x'))
    })
    const upstream = upstreamAt(raw)
    let bytes = 0
    const done = Promise.withResolvers<void>()
    const call = upstream.send(TEST_REQUEST, {
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

  test('may be paused before it has a connection', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw, { maxConnections: 1 })
    const first = recordCall(upstream)
    const queued = recordCall(upstream)
    first.call.pause()
    queued.call.pause()
    await raw.connected(0)
    first.call.resume()
    await first.response
    await until(() => raw.received(0).split('POST').length === 3)
    expect(queued.recorded.events).toEqual([])
    queued.call.resume()
    expect((await queued.response).body.toString()).toBe('hi')
  })

  test('leaves no paused connection behind', async () => {
    const raw = await serverSending(HI)
    const upstream = upstreamAt(raw)
    const { call, response } = recordCall(upstream, TEST_REQUEST, { onHeaders: () => call.pause() })
    await response
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(raw.sockets.length).toBe(1)
  })
})

describe('closing the upstream', () => {
  test('lets calls in flight and waiting calls end, refuses new ones, and leaves nothing open', async () => {
    const raw = await server((socket) => setImmediate(() => socket.write(HI)))
    const upstream = upstreamAt(raw, { maxConnections: 2 })
    await Promise.all([recordResponse(upstream), recordResponse(upstream)])
    const running = [1, 2, 3, 4].map(() => recordResponse(upstream))
    const closing = upstream.close()
    const late = await recordResponse(upstream)
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

  test('resolves at once when it was never used', async () => {
    await expect(upstreamAt({ baseUrl: 'http://127.0.0.1:1/v1' }).close()).resolves.toBeUndefined()
  })
})
