import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startBroker } from '../support/start-broker.ts'
import { openaiAt } from '../support/providers-env.ts'
import { chatChunk, cut, inTurn, scriptedUpstream, sse, stall } from '../support/scripted-upstream.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, refuses, says } from './scripts.ts'

const once = { 'idempotency-key': 'order-7' }

describe.each([
  ['plain', false],
  ['streamed', true],
])('a request with an Idempotency-Key, %s,', (_name, stream) => {
  const good = stream ? says('a ', 'poem') : answers('a poem')

  test('is sent once and booked once, and every repeat gets the same response', async () => {
    await using broker = await startBrokerWithProviders([{ script: good }])
    const first = await broker.sendChat({ stream }, once)
    expectWhole(first, 'a poem')
    const repeated = await broker.sendChat({ stream }, once)
    expect(repeated.raw).toBe(first.raw)
    expect(repeated.headers['x-generation-id']).toBe(first.headers['x-generation-id'])
    expect([first.headers['idempotent-replayed'], repeated.headers['idempotent-replayed']]).toEqual([
      undefined,
      'true',
    ])
    expect(broker.seen()).toEqual([1])
    await expect.poll(() => [...broker.daemon.services.ledger.entries({ limit: 9 })]).toHaveLength(1)
  })

  test('makes concurrent repeats wait', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startBrokerWithProviders([{ script: [() => promise, ...good] }])
    const pending = Array.from({ length: 10 }, () => broker.sendChat({ stream }, once))
    await broker.upstreams[0]?.received(0)
    await pause(50)
    resolve()
    const raws = new Set((await Promise.all(pending)).map(({ raw }) => raw))
    expect(raws.size).toBe(1)
    expect(broker.seen()).toEqual([1])
  })

  test('may be repeated after a failure that cost nothing', async () => {
    await using broker = await startBrokerWithProviders([{ script: inTurn(refuses(403), good) }])
    expect((await broker.sendChat({ stream }, once)).status).toBe(502)
    broker.skip(400_000)
    expectWhole(await broker.sendChat({ stream }, once), 'a poem')
  })

  test('is completed although its caller disconnected before the response', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startBrokerWithProviders([{ script: [() => promise, ...good] }])
    const abandoned = request({
      socketPath: broker.daemon.sockets.rest,
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json', ...once },
    })
    abandoned.on('error', () => undefined)
    abandoned.end(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream }))
    await broker.upstreams[0]?.received(0)
    abandoned.destroy()
    await pause(30)
    resolve()
    expectWhole(await broker.sendChat({ stream }, once), 'a poem')
    expect(broker.seen()).toEqual([1])
    expect((await broker.entry()).status).toBe('finished')
  })
})

describe('an Idempotency-Key', () => {
  test('with another body is refused', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    await broker.sendChat({}, once)
    const response = await broker.sendChat({ temperature: 1 }, once)
    expect([response.status, response.error?.metadata['error_type']]).toEqual([422, 'unprocessable'])
    expect(broker.seen()).toEqual([1])
  })

  test('belongs to its caller alone', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    for (const context of ['a', 'b', 'a'])
      expectWhole(await broker.sendChat({}, { ...once, 'x-hero-context': context }), 'x')
    expect(broker.seen()).toEqual([2])
  })

  test('expires', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }], {
      env: { AIBROKER_IDEMPOTENCY_HOURS: '1' },
    })
    await broker.sendChat({}, once)
    broker.skip(3_599_000)
    await broker.sendChat({}, once)
    expect(broker.seen()).toEqual([1])
    broker.skip(2_000)
    // The first response is written to the ledger asynchronously, so its record may expire a moment later, however far the clock was moved.
    const seen = async (): Promise<number[]> => {
      await broker.sendChat({}, once)
      return broker.seen()
    }
    await expect.poll(seen).toEqual([2])
  })

  test('replays a broken response that was paid for', async () => {
    const script = inTurn([sse(chatChunk('half')), cut], refuses(503))
    await using broker = await startBrokerWithProviders([{ script }])
    const first = await broker.sendChat({ stream: true }, once)
    expect([first.finish, first.error]).toEqual([undefined, expect.anything()])
    const seen = broker.seen()
    const repeated = await broker.sendChat({ stream: true }, once)
    expect([repeated.text, repeated.finish, repeated.error?.code]).toEqual([
      'half',
      undefined,
      first.error?.code,
    ])
    expect(broker.seen()).toEqual(seen)
  })

  test(
    'survives a restart, and a request that was running when the broker was killed is not sent again',
    { timeout: 30_000 },
    async () => {
      using folder = tempFolder()
      await using upstream = await scriptedUpstream(inTurn(answers('x'), [stall]))
      const options = { env: openaiAt(upstream), folder: folder.path }
      const post = (broker: Awaited<ReturnType<typeof startBroker>>, key: string) =>
        broker.post(
          '/v1/chat/completions',
          { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] },
          { headers: { 'idempotency-key': key } },
        )
      let text = ''
      {
        await using broker = await startBroker(options)
        text = (await post(broker, 'done')).text
        post(broker, 'cut').catch(() => undefined)
        await upstream.received(1)
        broker.signal('SIGKILL')
        await broker.ended
      }
      await using broker = await startBroker(options)
      expect((await post(broker, 'done')).text).toBe(text)
      expect((await post(broker, 'cut')).status).toBe(409)
      expect(upstream.requests).toHaveLength(2)
    },
  )
})
