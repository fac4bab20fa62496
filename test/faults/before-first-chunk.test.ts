import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  chatChunk,
  cut,
  finishChunk,
  head,
  inTurn,
  json,
  raw,
  reset,
  sse,
  stall,
  type ReceivedRequest,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, FAULTS, plainResponse, refuses, role, says, STREAM_FAULTS } from './scripts.ts'

describe.each([
  ['plain', false],
  ['streamed', true],
])('a %s request, before the first chunk:', (_name, stream) => {
  const good = stream ? says('good') : answers('good')
  const faults = Object.entries(stream ? { ...FAULTS, ...STREAM_FAULTS } : FAULTS)

  test.each(faults)('%s falls back unseen', async (fault, steps) => {
    await using broker = await startBrokerWithProviders([{ script: steps }, { script: good }], {
      over: 'tcp',
    })
    expectWhole(await broker.sendChat({ stream }), 'good')
    // A 5xx is retried once at the same endpoint.
    const { attempts } = await broker.entry()
    const retried = attempts.length === 2
    expect(retried).toBe(
      attempts.every(({ status = 0 }) => status >= 500) && fault !== 'a 503 with Retry-After',
    )
    expect(broker.seen()).toEqual([retried ? 2 : 1, 1])
    expect(attempts.map(({ endpoint }) => endpoint)).toEqual(retried ? ['up0/m0', 'up0/m0'] : ['up0/m0'])
    expect(await broker.entry()).toMatchObject({
      status: 'finished',
      endpoint: 'up1/m1',
      usage: { prompt: 10, completion: 5 },
      cost: 20_000n,
    })
  })

  test('when every endpoint fails, each is tried once, the caller gets the last error, and nothing is billed', async () => {
    await using broker = await startBrokerWithProviders([{ script: refuses(429) }, { script: refuses(403) }])
    const response = await broker.sendChat({ stream })
    expect([response.status, response.error?.code]).toEqual([502, 'server_error'])
    expect(broker.seen()).toEqual([1, 1])
    expect(await broker.entry()).toMatchObject({ status: 'failed', cost: 0n, attempts: [{}, {}] })
  })

  test('a transient 500 is retried once at the only endpoint', async () => {
    await using broker = await startBrokerWithProviders([{ script: inTurn(refuses(500), good) }])
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([2])
  })

  test('a request on a broken connection is not retried, because the provider may bill it', async () => {
    await using broker = await startBrokerWithProviders([{ script: inTurn([reset], good) }], { over: 'tcp' })
    expect((await broker.sendChat({ stream })).status).toBe(502)
    expect(broker.seen()).toEqual([1])
    const { cost, costLow, costHigh } = await broker.entry()
    expect([cost, costLow]).toEqual([undefined, 0n])
    expect(costHigh).toBeGreaterThan(0n)
  })

  test('a request on a kept connection that closes after it was read is a second attempt, and the first may be billed', async () => {
    // The second request arrives over the connection of the first and is cut off.
    await using broker = await startBrokerWithProviders([{ script: inTurn(good, [cut], good) }])
    expectWhole(await broker.sendChat({ stream }), 'good')
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([3])
    const entry = await broker.entry()
    expect(entry).toMatchObject({ attemptCount: 2, attempts: [{ endpoint: 'up0/m0' }], costLow: 20_000n })
    expect(entry.costHigh).toBeGreaterThan(20_000n)
    expect(broker.daemon.services.health.row('up0/m0')?.state).toBe('closed')
  })

  test('a persistent 500 is returned after two attempts', async () => {
    await using broker = await startBrokerWithProviders([{ script: refuses(500) }])
    expect((await broker.sendChat({ stream })).status).toBe(502)
    expect(broker.seen()).toEqual([2])
  })

  const named = (code: string): Step[] => [json(400, { error: { message: 'no', code } })]

  test.each([
    ['a bad request', refuses(400, 'bad field'), 'invalid_request'],
    ['a 422', refuses(422, 'bad field'), 'invalid_request'],
    ['a prompt that is too long', named('context_length_exceeded'), 'context_length_exceeded'],
    ['a content policy violation', named('content_policy_violation'), 'content_policy_violation'],
  ])('%s is not sent to another endpoint of the same model', async (_fault, steps, type) => {
    await using broker = await startBrokerWithProviders([{ script: steps }, { script: good }])
    const response = await broker.sendChat({ stream })
    expect(response.status).toBe(400)
    expect(response.error?.metadata).toMatchObject({ provider_name: 'up0', error_type: type })
    expect(broker.seen()).toEqual([1, 0])
  })

  test('a prompt that is too long falls back to an endpoint with a larger context window', async () => {
    await using broker = await startBrokerWithProviders([
      { script: refuses(400, 'maximum context length is 8000 tokens'), contextWindow: 8_000 },
      { script: good, contextWindow: 8_000 },
      { script: good, contextWindow: 128_000 },
    ])
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([1, 0, 1])
  })

  test('after a limited or refused key, the next key of the same provider is tried', async () => {
    const byKey = ({ headers: { authorization } }: ReceivedRequest): Step[] =>
      authorization === 'Bearer sk-3' ? good : refuses(authorization === 'Bearer sk-1' ? 429 : 401)
    const keys = ['sk-1', 'sk-2', 'sk-3']
    await using broker = await startBrokerWithProviders([{ script: byKey, keys }, { script: good }])
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([3, 0])
    expectWhole(await broker.sendChat({ stream }), 'good')
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([5, 0])
  })

  test('a 429 with a short Retry-After is waited for at the only endpoint', async () => {
    const script = inTurn(refuses(429, 'slow', { 'retry-after': '1' }), good)
    await using broker = await startBrokerWithProviders([{ script }])
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([2])
  })

  test('a 429 with a long Retry-After is returned with it, and the provider cools down until then', async () => {
    const script = inTurn(refuses(429, 'slow', { 'retry-after': '40' }), good)
    await using broker = await startBrokerWithProviders([{ script }])
    const first = await broker.sendChat({ stream })
    expect([first.status, first.headers['retry-after']]).toEqual([429, '40'])
    const second = await broker.sendChat({ stream })
    expect(second.status).toBe(429)
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(38)
    expect(broker.seen()).toEqual([1])
    broker.skip(45_000)
    expectWhole(await broker.sendChat({ stream }), 'good')
    expect(broker.seen()).toEqual([2])
  })

  test('an unrequested gzip response is decoded', async () => {
    const events = [chatChunk('packed'), finishChunk()].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
    const whole = stream ? events.join('') : JSON.stringify(plainResponse('packed'))
    const type = stream ? 'text/event-stream' : 'application/json'
    const packed = [head(200, { 'content-type': type, 'content-encoding': 'gzip' }), raw(gzipSync(whole))]
    await using broker = await startBrokerWithProviders([{ script: packed }])
    expectWhole(await broker.sendChat({ stream }), 'packed')
    expect(broker.seen()).toEqual([1])
  })
})

describe('a silent provider', () => {
  test.each([
    ['before its headers', [stall]],
    ['after its headers', [head(200, { 'content-type': 'text/event-stream' }), stall]],
    ['after the role', [sse(role), stall]],
    ['except for comments', [raw(': still here\n\n'), stall]],
  ])('%s costs one timeout, then the next endpoint is tried', async (_when, steps) => {
    await using broker = await startBrokerWithProviders([{ script: steps }, { script: says('good') }])
    const pending = broker.sendChat({ stream: true })
    const request = await broker.upstreams[0]?.received(0)
    await pause(30)
    broker.skip(200_000)
    expectWhole(await pending, 'good')
    expect(await request?.closed).toBe('hung-up')
    expect(broker.seen()).toEqual([1, 1])
    expect(await broker.entry()).toMatchObject({ attempts: [{ code: 'upstream-timeout' }], cost: 20_000n })
  })

  test('without alternatives costs one timeout and gets 504', async () => {
    await using broker = await startBrokerWithProviders([{ script: [stall] }])
    const pending = broker.sendChat({ stream: false })
    await broker.upstreams[0]?.received(0)
    broker.skip(601_000)
    const response = await pending
    expect([response.status, response.error?.metadata['time_limit']]).toEqual([504, 'answer'])
    expect(broker.seen()).toEqual([1])
  })

  test('is relayed when its first text comes after 20 seconds, within the limit', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const late = [sse(role), () => promise, ...says('late')]
    await using broker = await startBrokerWithProviders([{ script: late }, { script: says('x') }], {
      env: { AIBROKER_FIRST_TOKEN_TIMEOUT_MS: '30000' },
    })
    const pending = broker.sendChat({ stream: true })
    await broker.upstreams[0]?.received(0)
    broker.skip(20_000)
    // The timeout is checked twice meanwhile.
    await pause(450)
    resolve()
    expectWhole(await pending, 'late')
    expect(broker.seen()).toEqual([1, 0])
  })

  test('is not awaited when its first text would come after 20 seconds, beyond the limit', async () => {
    await using broker = await startBrokerWithProviders(
      [{ script: [sse(role), stall] }, { script: says('x') }],
      {
        env: { AIBROKER_FIRST_TOKEN_TIMEOUT_MS: '10000' },
      },
    )
    const pending = broker.sendChat({ stream: true })
    await broker.upstreams[0]?.received(0)
    broker.skip(20_000)
    expectWhole(await pending, 'x')
    expect(broker.seen()).toEqual([1, 1])
  })

  test('cannot hold a request beyond its deadline', async () => {
    await using broker = await startBrokerWithProviders([{ script: [stall] }, { script: says('x') }], {
      env: { AIBROKER_REQUEST_TIMEOUT_MS: '60000' },
    })
    const pending = broker.sendChat({ stream: true })
    await broker.upstreams[0]?.received(0)
    broker.skip(61_000)
    expect(await pending).toMatchObject({ status: 504, error: { metadata: { time_limit: 'whole_request' } } })
    expect(broker.seen()).toEqual([1, 0])
  })
})
