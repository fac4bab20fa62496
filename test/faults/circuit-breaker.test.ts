import { describe, expect, test } from 'vitest'
import { inTurn, json, type Script } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, refuses } from './scripts.ts'

describe('a provider that returns 503 for a minute', () => {
  /** A provider that is down until `heal` is called. */
  function fragile(): { script: Script; heal: () => void } {
    let isDown = true
    return { script: () => (isDown ? refuses(503) : answers('first')), heal: () => void (isDown = false) }
  }

  test('is skipped meanwhile, replaced by another, and used again within 10 seconds of its recovery', async () => {
    const { script, heal } = fragile()
    await using broker = await startBrokerWithProviders([{ script }, { script: answers('second') }])
    for (let second = 0; second < 60; second++) {
      expectWhole(await broker.sendChat(), 'second')
      broker.skip(1000)
    }
    const requestCount = broker.seen()[0] ?? 0
    // Three requests open the circuit, then trials follow after 5, and then every 7 seconds, each prolonged by jitter.
    expect(requestCount).toBeGreaterThanOrEqual(8)
    expect(requestCount).toBeLessThanOrEqual(12)
    expect(broker.daemon.services.health.row('up0/m0')?.state).toBe('open')
    heal()
    const texts: string[] = []
    for (let second = 0; second < 10; second++) {
      broker.skip(1000)
      texts.push((await broker.sendChat()).text)
    }
    expect(texts.at(-1)).toBe('first')
    expect(texts.indexOf('first')).toBeLessThan(10)
    expect(texts.lastIndexOf('second')).toBeLessThan(texts.indexOf('first'))
    expect(broker.daemon.services.health.row('up0/m0')?.state).toBe('closed')
  })

  test('is tried once a second without an alternative; requests in between get 503 at once', async () => {
    const { script, heal } = fragile()
    await using broker = await startBrokerWithProviders([{ script }])
    await broker.sendChat()
    await broker.sendChat()
    const [requestCount = 0] = broker.seen()
    const crowd = await Promise.all(Array.from({ length: 5 }, () => broker.sendChat()))
    for (const response of crowd) {
      expect(response).toMatchObject({
        status: 503,
        error: { metadata: { error_type: 'provider_unavailable' } },
      })
      expect(response.headers['retry-after']).toBe('1')
    }
    expect(broker.seen()).toEqual([requestCount])
    expect((await broker.entry()).attempts).toEqual([])
    broker.skip(1000)
    const statuses = (await Promise.all(Array.from({ length: 5 }, () => broker.sendChat()))).map(
      ({ status }) => status,
    )
    expect(statuses.filter((status) => status === 502)).toHaveLength(1)
    expect(statuses.filter((status) => status === 503)).toHaveLength(4)
    expect(broker.seen()).toEqual([requestCount + 1])
    heal()
    broker.skip(1000)
    expectWhole(await broker.sendChat(), 'first')
    expect(broker.daemon.services.health.row('up0/m0')?.state).toBe('closed')
  })

  test('gets one trial request at a time, whatever the load', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow: Script = (_request, nth) => (nth < 3 ? refuses(503) : [() => promise, ...answers('first')])
    await using broker = await startBrokerWithProviders([{ script: slow }, { script: answers('second') }])
    for (let nth = 0; nth < 3; nth++) await broker.sendChat()
    broker.skip(7000)
    const pending = Array.from({ length: 20 }, () => broker.sendChat())
    await broker.upstreams[0]?.received(3)
    await broker.upstreams[1]?.received(20)
    expect(broker.seen()[0]).toBe(4)
    resolve()
    const texts = (await Promise.all(pending)).map(({ text }) => text)
    expect(texts.filter((text) => text === 'first')).toHaveLength(1)
  })
})

test('with probes on, a circuit closes without a request when its provider is back; with probes off, none is sent', async () => {
  for (const env of [{ AIBROKER_PROBE_S: '1' }, {}]) {
    let isDown = true
    const script: Script = ({ method }) => {
      if (isDown) return refuses(503)
      return method === 'GET' ? [json(200, { data: [] })] : answers('first')
    }
    await using broker = await startBrokerWithProviders([{ script }, { script: answers('second') }], { env })
    for (let nth = 0; nth < 3; nth++) expectWhole(await broker.sendChat(), 'second')
    const stateOf = () => broker.daemon.services.health.row('up0/m0')?.state
    expect(stateOf()).toBe('open')
    isDown = false
    broker.skip(1000)
    if ('AIBROKER_PROBE_S' in env) {
      await expect.poll(stateOf).toBe('closed')
      expect(broker.upstreams[0]?.requests.filter(({ method }) => method === 'POST')).toHaveLength(3)
      expectWhole(await broker.sendChat(), 'first')
    } else {
      expect(stateOf()).toBe('open')
      expect(broker.upstreams[0]?.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST'])
    }
  }
})

test('refused keys, rate limits and bad requests never open a circuit', async () => {
  const script = inTurn(...Array.from({ length: 12 }, () => refuses(400, 'bad field')), answers('fine'))
  await using broker = await startBrokerWithProviders([{ script }])
  for (let nth = 0; nth < 12; nth++) expect((await broker.sendChat()).status).toBe(400)
  expectWhole(await broker.sendChat(), 'fine')
  expect(broker.seen()).toEqual([13])
})

test('the built-in echo may fail on request without opening a circuit', async () => {
  await using broker = await startBrokerWithProviders([])
  const failing = { model: 'local/loopback', messages: [{ role: 'user', content: 'loopback: status 503' }] }
  for (let nth = 0; nth < 5; nth++) expect((await broker.sendChat(failing)).status).toBe(502)
  expect((await broker.sendChat({ model: 'local/loopback' })).status).toBe(200)
})
