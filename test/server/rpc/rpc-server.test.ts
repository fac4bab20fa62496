import { assert, asyncProperty, json } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { BrokerError, ERRORS } from '../../../src/base/errors.ts'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { methods } from '../../../src/wire/rpc/methods.ts'
import { exampleHandlers } from '../../support/rpc-handlers.ts'
import { sendToSocket, startRpcSocket } from '../../support/rpc-socket.ts'

const health = methods.health.example.result

describe('a call', () => {
  test('gets the result of its handler', async () => {
    await using socket = await startRpcSocket()
    expect(await socket.call({ jsonrpc: '2.0', method: 'health', params: {}, id: 1 })).toEqual({
      jsonrpc: '2.0',
      result: health,
      id: 1,
    })
  })

  test('may omit its params', async () => {
    await using socket = await startRpcSocket()
    expect(await socket.call({ jsonrpc: '2.0', method: 'health', id: 1 })).toMatchObject({ result: health })
  })

  test.each([
    ['a string', '"abc"'],
    ['a number', '7'],
    ['null', 'null'],
    ['a 64-bit integer that no double holds', '12345678901234567890'],
    ['a fraction', '1.50'],
    ['letters that JSON escapes', '"\\u0000\\"\\\\"'],
  ])('gets its id back when that is %s', async (_, id) => {
    await using socket = await startRpcSocket()
    const { text } = await socket.post(`{"jsonrpc":"2.0","method":"health","id":${id},"params":{}}`)
    expect(text.endsWith(`,"id":${id}}`)).toBe(true)
  })

  test('without an id is executed and gets 204 without a response', async () => {
    let runs = 0
    const handlers = { ...exampleHandlers, health: async () => (runs++, health) }
    await using socket = await startRpcSocket({ handlers })
    expect(await socket.post('{"jsonrpc":"2.0","method":"health"}')).toMatchObject({ status: 204, text: '' })
    expect(await socket.post('{"jsonrpc":"2.0","method":"nothing"}')).toMatchObject({ status: 204, text: '' })
    expect(runs).toBe(1)
  })

  test('passes params by name or by position', async () => {
    const seen: unknown[] = []
    const summary = await exampleHandlers['usage.summary']({}, localCaller, new AbortController().signal)
    const handlers = {
      ...exampleHandlers,
      'usage.summary': async (params: unknown) => (seen.push(params), summary),
    }
    await using socket = await startRpcSocket({ handlers })
    await socket.call({ jsonrpc: '2.0', method: 'usage.summary', params: { since: 5, until: 9 }, id: 1 })
    await socket.call({ jsonrpc: '2.0', method: 'usage.summary', params: [5, 9], id: 2 })
    await socket.call({ jsonrpc: '2.0', method: 'usage.summary', params: [5], id: 3 })
    expect(seen).toEqual([{ since: 5, until: 9 }, { since: 5, until: 9 }, { since: 5 }])
  })

  test('aborts the signal of its handler when the caller disconnects', async () => {
    const aborted = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    const handlers = {
      ...exampleHandlers,
      'models.list': async (_params: unknown, _caller: unknown, signal: AbortSignal) => {
        signal.addEventListener('abort', () => aborted.resolve())
        started.resolve()
        await aborted.promise
        return []
      },
    }
    await using socket = await startRpcSocket({ handlers })
    const leaving = new AbortController()
    const pending = socket.post('{"jsonrpc":"2.0","method":"models.list","id":1}', leaving.signal)
    await started.promise
    leaving.abort()
    await expect(pending).rejects.toThrow('aborted')
    await aborted.promise
  })
})

describe('a batch', () => {
  test('gets responses in the order of its calls, none for notifications', async () => {
    await using socket = await startRpcSocket()
    const answer = await socket.call([
      { jsonrpc: '2.0', method: 'health', id: 'a' },
      { jsonrpc: '2.0', method: 'health' },
      { jsonrpc: '2.0', method: 'nothing', id: 'b' },
      7,
    ])
    expect(answer).toMatchObject([
      { id: 'a', result: health },
      { id: 'b', error: { code: -32601 } },
      { id: null, error: { code: -32600 } },
    ])
  })

  test('of notifications only gets 204', async () => {
    await using socket = await startRpcSocket()
    expect(await socket.post('[{"jsonrpc":"2.0","method":"health"}]')).toMatchObject({
      status: 204,
      text: '',
    })
  })

  test('must not be empty', async () => {
    await using socket = await startRpcSocket()
    expect(await socket.call([])).toMatchObject({ error: { code: -32600 }, id: null })
  })

  test('with too many calls is refused', async () => {
    await using socket = await startRpcSocket()
    const calls = Array.from({ length: 101 }, (_, id) => ({ jsonrpc: '2.0', method: 'health', id }))
    expect(await socket.call(calls.slice(1))).toHaveLength(100)
    expect(await socket.call(calls)).toMatchObject({ error: { code: -32600 }, id: null })
  })
})

describe('invalid input', () => {
  test.each([
    ['half a document', '{"jsonrpc":"2.0",'],
    ['nothing', ''],
    ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['nesting without end', '['.repeat(200_000)],
  ])('%s is a parse error with id null, HTTP 200', async (_, body) => {
    await using socket = await startRpcSocket()
    const { status, text } = await socket.post(body)
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', error: { code: -32700 }, id: null })
  })

  test.each([
    ['another version', { jsonrpc: '1.0', method: 'health', id: 4 }, 4],
    ['no version', { method: 'health', id: 4 }, 4],
    ['a method that is no string', { jsonrpc: '2.0', method: 1, id: 4 }, 4],
    ['params that are a string', { jsonrpc: '2.0', method: 'health', params: 'x', id: 4 }, 4],
    ['an id that is an object', { jsonrpc: '2.0', method: 'health', id: {} }, null],
    ['a number', 42, null],
  ])('%s is an invalid request', async (_, call, id) => {
    await using socket = await startRpcSocket()
    expect(await socket.call(call)).toMatchObject({ error: { code: -32600 }, id })
  })

  test.each([
    ['helth', ['health']],
    ['list_models', expect.arrayContaining(['models.list'])],
    ['__proto__', []],
    ['toString', []],
  ])('the unknown method %s is refused with the nearest names', async (method, meant) => {
    await using socket = await startRpcSocket()
    expect(await socket.call({ jsonrpc: '2.0', method, id: 1 })).toMatchObject({
      error: { code: -32601, data: { did_you_mean: meant } },
    })
  })

  test.each([
    ['method', { method: 'x'.repeat(5_000) }],
    ['param', { method: 'usage.summary', params: { ['x'.repeat(5_000)]: 1 } }],
  ])('an endless name of a %s is not echoed', async (_, call) => {
    await using socket = await startRpcSocket()
    const answer = JSON.stringify(await socket.call({ jsonrpc: '2.0', id: 1, ...call }))
    expect(answer).toContain(`“${'x'.repeat(100)}…”`)
    expect(answer.length).toBeLessThan(1_000)
  })

  test.each([
    [{ since: 'yesterday' }, 'usage.summary: “since” should be a number, but is a text'],
    [{ sinse: 3 }, 'usage.summary: “sinse” is not one of its params (since, until)'],
    [['yesterday'], 'usage.summary: “since” should be a number, but is a text'],
    [[1, 2, 3], 'usage.summary takes since, until in this order; 3 values were given'],
  ])('the params %j are refused with the name of the field', async (params, message) => {
    await using socket = await startRpcSocket()
    expect(await socket.call({ jsonrpc: '2.0', method: 'usage.summary', params, id: 1 })).toMatchObject({
      error: { code: -32602, message, data: { code: 'bad-request' } },
    })
  })

  test('of any JSON gets a response in the form of the protocol', async () => {
    await using socket = await startRpcSocket()
    await assert(
      asyncProperty(json(), async (body) => {
        const { status, text } = await socket.post(body)
        const answers: unknown[] = [JSON.parse(text)].flat()
        expect(status).toBe(200)
        for (const answer of answers)
          expect(answer).toMatchObject({ jsonrpc: '2.0', error: { code: -32600 } })
      }),
      { numRuns: 60 },
    )
  })
})

describe('errors of handlers', () => {
  test.each(Object.keys(ERRORS) as ErrorCode[])(
    '%s has the number of its row and its code in data',
    async (code) => {
      const details = { provider: 'Groq', status: 429, retryAfter: 3, metadata: { limit: 'minute' } }
      const error = new BrokerError(code, 'said so', { details })
      await using socket = await startRpcSocket({
        handlers: { ...exampleHandlers, health: () => Promise.reject(error) },
      })
      expect(await socket.call({ jsonrpc: '2.0', method: 'health', id: 1 })).toEqual({
        jsonrpc: '2.0',
        error: {
          code: ERRORS[code].rpc,
          message: 'said so',
          data: { code, provider: 'Groq', status: 429, retry_after: 3, limit: 'minute' },
        },
        id: 1,
      })
    },
  )

  test('a bug is logged with its stack and hidden from the caller', async () => {
    const log: { err?: unknown }[] = []
    const handlers = { ...exampleHandlers, health: () => Promise.reject(new TypeError('secret detail')) }
    await using socket = await startRpcSocket({ handlers, logger: { error: (details) => log.push(details) } })
    const { text } = await socket.post('{"jsonrpc":"2.0","method":"health","id":1}')
    expect(JSON.parse(text)).toMatchObject({ error: { code: -32603, message: 'internal error' } })
    expect(text).not.toContain('secret detail')
    expect(log).toEqual([{ rpc: 'health', err: new TypeError('secret detail') }])
  })

  test('a result that JSON can’t represent is an internal error of that call only', async () => {
    const handlers = { ...exampleHandlers, info: async () => ({ open_requests: 1n }) as never }
    await using socket = await startRpcSocket({ handlers })
    const calls = ['info', 'health'].map((method) => ({ jsonrpc: '2.0', method, id: method }))
    expect(await socket.call(calls)).toMatchObject([{ error: { code: -32603 } }, { result: health }])
  })
})

describe('the caller', () => {
  test('without a valid token is refused, and open methods still work', async () => {
    const findCaller = () => {
      throw new BrokerError('unauthorized', 'no such token')
    }
    await using socket = await startRpcSocket({ authenticate: findCaller })
    expect(await socket.call({ jsonrpc: '2.0', method: 'info', id: 1 })).toMatchObject({
      error: { code: -32001, message: 'no such token', data: { code: 'unauthorized' } },
    })
    expect(await socket.call({ jsonrpc: '2.0', method: 'health', id: 1 })).toMatchObject({ result: health })
  })

  test('is identified once for a batch and passed to each handler', async () => {
    let found = 0
    const seen: unknown[] = []
    const caller = { ip: '400::1', context: 'lab' }
    const handlers = {
      ...exampleHandlers,
      'models.list': async (_params: unknown, caller: unknown) => (seen.push(caller), []),
    }
    await using socket = await startRpcSocket({ handlers, authenticate: async () => (found++, caller) })
    const call = { jsonrpc: '2.0', method: 'models.list', id: 1 }
    await socket.call([call, call])
    expect(seen).toEqual([
      { ...caller, role: 'caller' },
      { ...caller, role: 'caller' },
    ])
    expect(found).toBe(1)
  })
})

describe('discovery', () => {
  test('returns the same document by call and by GET', async () => {
    await using socket = await startRpcSocket()
    const called = (await socket.call({ jsonrpc: '2.0', method: 'rpc.discover', id: 1 })) as {
      result: unknown
    }
    const got = await sendToSocket(socket.path, 'GET', '/openrpc.json')
    expect(got.type).toContain('application/json')
    expect(JSON.parse(got.text)).toEqual(called.result)
    expect(called.result).toMatchObject({
      info: { version: '1.2.3' },
      methods: { length: Object.keys(methods).length },
    })
  })
})

const localCaller = { ip: 'local', context: undefined, role: 'caller' } as const
