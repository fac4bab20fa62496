// How long the silence of a provider is waited for, where another one can respond and where none can.
import { expect, test } from 'vitest'
import { chatChunk, raw, sse, stall, wait, type Script } from '../support/scripted-upstream.ts'
import {
  startBrokerWithProviders,
  type BrokerWithProviders,
  type ReceivedChat,
} from './broker-with-providers.ts'
import { answers, expectWhole, refuses, role, says } from './scripts.ts'

/** Whether the response is there within some ticks of the broker's timer. */
async function isThere(response: Promise<ReceivedChat>): Promise<boolean> {
  const later = new Promise<false>((resolve) => setTimeout(() => resolve(false), 700))
  return Promise.race([response.then(() => true as const), later])
}

async function afterSilence(
  broker: BrokerWithProviders,
  response: Promise<ReceivedChat>,
  ms: number,
): Promise<boolean> {
  broker.skip(ms)
  return isThere(response)
}

test.each([
  ['a stream without headers', [stall], true, {}],
  ['a stream with heartbeats alone', [raw(': ping\n\n'), sse(role), stall], true, {}],
  ['a plain response', [stall], false, { max_tokens: 20 }],
])('%s costs 30 seconds where another endpoint can respond', async (_name, script, stream, body) => {
  const good = stream ? says('second') : answers('second')
  await using broker = await startBrokerWithProviders([{ script }, { script: good }])
  const response = broker.sendChat({ ...body, stream })
  await broker.upstreams[0]?.received(0)
  expect(await afterSilence(broker, response, 28_000)).toBe(false)
  expect(await afterSilence(broker, response, 4_000)).toBe(true)
  expectWhole(await response, 'second')
})

test('an endpoint that has shown that it takes long is given that time, and one whose alternative rests is waited for', async () => {
  let gate = Promise.withResolvers<void>()
  const slow: Script = () => [wait(gate.promise), ...says('first')]
  await using broker = await startBrokerWithProviders([{ script: slow }, { script: says('second') }])
  const first = broker.sendChat({ stream: true })
  await broker.upstreams[0]?.received(0)
  broker.skip(25_000)
  gate.resolve()
  expectWhole(await first, 'first')
  gate = Promise.withResolvers<void>()
  const second = broker.sendChat({ stream: true })
  await broker.upstreams[0]?.received(1)
  expect(await afterSilence(broker, second, 60_000)).toBe(false)
  gate.resolve()
  expectWhole(await second, 'first')
})

test('a model that is known to think is given its time', async () => {
  const gate = Promise.withResolvers<void>()
  const providers = [
    { script: [wait(gate.promise), ...says('first')], capabilities: ['reasoning'] },
    { script: says('second') },
  ]
  await using broker = await startBrokerWithProviders(providers)
  const response = broker.sendChat({ stream: true })
  await broker.upstreams[0]?.received(0)
  expect(await afterSilence(broker, response, 100_000)).toBe(false)
  gate.resolve()
  expectWhole(await response, 'first')
})

test('a heartbeat or a chunk without text is a sign of life of a lone endpoint', async () => {
  const beats = Array.from({ length: 3 }, () => Promise.withResolvers<void>())
  const script = [
    sse(role),
    ...beats.flatMap(({ promise }) => [wait(promise), raw(': ping\n\n')]),
    ...says('at last'),
  ]
  await using broker = await startBrokerWithProviders([{ script }])
  const response = broker.sendChat({ stream: true })
  await broker.upstreams[0]?.received(0)
  for (const { resolve } of beats) {
    expect(await afterSilence(broker, response, 110_000)).toBe(false)
    resolve()
    await new Promise((done) => setTimeout(done, 100))
  }
  expectWhole(await response, 'at last')
})

test('the stall of a lone endpoint is reported after one limit, and it is not tried again', async () => {
  await using broker = await startBrokerWithProviders([
    { script: [sse(role, chatChunk('Once upon ')), stall] },
  ])
  const response = broker.sendChat({ stream: true })
  await broker.upstreams[0]?.received(0)
  expect(await isThere(response)).toBe(false)
  expect(await afterSilence(broker, response, 121_000)).toBe(true)
  expect((await response).error?.metadata['error_type']).toBe('timeout')
  expect(broker.seen()).toEqual([1])
})

test('an endpoint that may not have recovered is tried beside another one, so that its silence costs two seconds', async () => {
  const silent: Script = (_request, nth) => (nth < 3 ? refuses(503) : [stall])
  await using broker = await startBrokerWithProviders([{ script: silent }, { script: answers('second') }])
  for (let nth = 0; nth < 2; nth++) expectWhole(await broker.sendChat(), 'second')
  expect(broker.daemon.services.health.row('up0/m0')?.state).toBe('open')
  broker.skip(9_000)
  const startedAt = performance.now()
  expectWhole(await broker.sendChat(), 'second')
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(broker.seen()[0]).toBe(4)
  // The next request does not test it again at once.
  expectWhole(await broker.sendChat(), 'second')
  expect(broker.seen()[0]).toBe(4)
})
