import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { cut, sse, chatChunk, stall, wait, type Script, type Step } from '../support/scripted-upstream.ts'
import {
  startBrokerWithProviders,
  type BrokerWithProviders,
  type ScriptedProvider,
} from './broker-with-providers.ts'
import { expectWhole, refuses, role, says } from './scripts.ts'

/** Number of responses after which an endpoint's percentile is known. */
const SAMPLES = 20
const stream = { stream: true }
const HEDGED = { modelLine: 'hedge: true', env: { AIBROKER_HEDGE_PERCENT: '100' } }

/** Responds quickly until its percentile is known, then follows `then`. */
function quickUntilMeasured(then: (nth: number) => readonly Step[]): Script {
  return (_request, nth) => (nth < SAMPLES ? says('quick') : then(nth - SAMPLES))
}

async function startMeasuredBroker(
  providers: readonly ScriptedProvider[],
  options: Parameters<typeof startBrokerWithProviders>[1] = HEDGED,
): Promise<BrokerWithProviders> {
  const broker = await startBrokerWithProviders(providers, options)
  for (let nth = 0; nth < SAMPLES; nth++) expectWhole(await broker.sendChat(stream), 'quick')
  // Wait until their holds are settled.
  await broker.entry()
  return broker
}

describe('with hedging allowed, a stream that is late by its endpoint’s own percentile', () => {
  test('is requested from the next endpoint too; the first to send text is relayed, the other is aborted and billed', async () => {
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [sse(role), stall]), row: 'abort_stops_billing: true' },
      { script: says('second') },
    ])
    const response = await broker.sendChat(stream)
    expectWhole(response, 'second')
    expect(response.headers['x-aibroker-tried']).toBe('up0/m0, up1/m1')
    expect(broker.seen()).toEqual([SAMPLES + 1, 1])
    expect(await (await broker.upstreams[0]?.received(SAMPLES))?.closed).toBe('hung-up')
    const { status, endpoint, attempts, usage, cost, costLow, costHigh } = await broker.entry()
    expect({ status, endpoint }).toEqual({ status: 'finished', endpoint: 'up1/m1' })
    expect(attempts).toMatchObject([{ endpoint: 'up0/m0', code: 'outrun' }])
    // The counts are those of the relayed response. The possible charge for the aborted attempt is unknown, so only the upper bound includes it.
    expect(usage).toMatchObject({ prompt: 10, completion: 5 })
    expect([cost, costLow]).toEqual([20_000n, 20_000n])
    expect(costHigh).toBeGreaterThan(20_000n)
    expect(broker.daemon.services.health.row('up0/m0')?.state).toBe('closed')
    expect(broker.daemon.services.endpointStats.uptime('up0/m0', 60_000)).toBe(100)
  })

  test('is read to its end for its usage when its provider keeps billing after an abort', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [wait(promise), ...says('late')]) },
      { script: says('second') },
    ])
    expectWhole(await broker.sendChat(stream), 'second')
    resolve()
    const { usage, cost, costHigh } = await broker.entry()
    expect(usage).toMatchObject({ prompt: 10, completion: 5 })
    expect([cost, costHigh]).toEqual([40_000n, undefined])
    expect(await (await broker.upstreams[0]?.received(SAMPLES))?.closed).toBe('answered')
  })

  test('is read on for five seconds at most once the response is over, so that its row appears', async () => {
    await using broker = await startMeasuredBroker(
      [{ script: quickUntilMeasured(() => [sse(role), stall]) }, { script: says('second') }],
      { ...HEDGED, timerMs: (ms) => (ms === 5000 ? 10 : ms) },
    )
    expectWhole(await broker.sendChat(stream), 'second')
    const { status, attempts, cost, costHigh } = await broker.entry()
    expect(status).toBe('finished')
    expect(attempts).toMatchObject([{ endpoint: 'up0/m0', code: 'outrun' }])
    expect(costHigh).toBeGreaterThan(cost ?? 0n)
    expect(await (await broker.upstreams[0]?.received(SAMPLES))?.closed).toBe('hung-up')
  })

  test('is relayed when it still sends text before the hedged attempt', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [wait(promise), ...says('first')]) },
      { script: [stall], row: 'abort_stops_billing: true' },
    ])
    const pending = broker.sendChat(stream)
    await broker.upstreams[1]?.received(0)
    resolve()
    const response = await pending
    expectWhole(response, 'first')
    expect(await (await broker.upstreams[1]?.received(0))?.closed).toBe('hung-up')
    expect(await broker.entry()).toMatchObject({
      endpoint: 'up0/m0',
      attempts: [{ endpoint: 'up1/m1', code: 'outrun' }],
    })
    expect(broker.seen()).toEqual([SAMPLES + 1, 1])
  })

  test('is awaited when the hedged attempt is refused', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [wait(promise), ...says('first')]) },
      { script: refuses(503) },
    ])
    const pending = broker.sendChat(stream)
    await (
      await broker.upstreams[1]?.received(0)
    )?.closed
    resolve()
    expectWhole(await pending, 'first')
    expect(await broker.entry()).toMatchObject({
      endpoint: 'up0/m0',
      cost: 20_000n,
      attempts: [{ endpoint: 'up1/m1', code: 'upstream-failed', status: 503 }],
    })
    expect(broker.seen()).toEqual([SAMPLES + 1, 1])
  })

  test('may fail while the hedged attempt has sent no text yet', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { promise: failing, resolve: fail } = Promise.withResolvers<void>()
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [wait(failing), ...refuses(500)]) },
      { script: [wait(promise), ...says('second')] },
    ])
    const pending = broker.sendChat(stream)
    await broker.upstreams[1]?.received(0)
    fail()
    await (
      await broker.upstreams[0]?.received(SAMPLES)
    )?.closed
    resolve()
    expectWhole(await pending, 'second')
    expect(broker.seen()).toEqual([SAMPLES + 1, 1])
  })

  test('falls back to a third endpoint when both attempts fail', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [wait(promise), ...refuses(404)]) },
      { script: [wait(promise), ...refuses(404)] },
      { script: says('third') },
    ])
    const pending = broker.sendChat(stream)
    await broker.upstreams[1]?.received(0)
    resolve()
    const response = await pending
    expectWhole(response, 'third')
    expect(response.headers['x-aibroker-tried']?.toString().split(', ').sort()).toEqual([
      'up0/m0',
      'up1/m1',
      'up2/m2',
    ])
    expect(broker.seen()).toEqual([SAMPLES + 1, 1, 1])
  })

  test('ends in an error event when the relayed attempt breaks off', async () => {
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [stall]), row: 'abort_stops_billing: true' },
      { script: [sse(chatChunk('sec')), cut] },
    ])
    const response = await broker.sendChat({ ...stream, n: 2 })
    expect([response.status, response.isDone, response.finish]).toEqual([200, false, undefined])
    expect(response.error).toBeDefined()
    expect(broker.seen()).toEqual([SAMPLES + 1, 1])
    expect(await broker.entry()).toMatchObject({ status: 'broken', endpoint: 'up1/m1' })
  })
})

describe('hedging', () => {
  test('is off unless the model or a limit allows it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilMeasured(() => [wait(promise), ...says('first')])
    await using broker = await startMeasuredBroker([{ script }, { script: says('second') }], {
      env: { AIBROKER_HEDGE_PERCENT: '100' },
    })
    const plain = broker.sendChat(stream)
    await broker.upstreams[0]?.received(SAMPLES)
    await broker.rpc('limits.set', { subject: { scope: 'context', context: 'lab' }, rule: { hedge: true } })
    // This request was sent later and has been hedged by the same percentile, so the first would have been hedged by now.
    expectWhole(await broker.sendChat(stream, { 'x-hero-context': 'lab' }), 'second')
    expect(broker.seen()).toEqual([SAMPLES + 2, 1])
    resolve()
    expectWhole(await plain, 'first')
    expect(broker.seen()).toEqual([SAMPLES + 2, 1])
  })

  test('is off for a caller whose limit forbids it although the model allows it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilMeasured(() => [wait(promise), ...says('first')])
    await using broker = await startMeasuredBroker([{ script }, { script: says('second') }])
    await broker.rpc('limits.set', { subject: { scope: 'context', context: 'lab' }, rule: { hedge: false } })
    const unhedged = broker.sendChat(stream, { 'x-hero-context': 'lab' })
    await broker.upstreams[0]?.received(SAMPLES)
    expectWhole(await broker.sendChat(stream), 'second')
    resolve()
    expectWhole(await unhedged, 'first')
    expect(broker.seen()).toEqual([SAMPLES + 2, 1])
  })

  test('stays within its budget of extra requests', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilMeasured(() => [wait(promise), ...says('first')])
    await using broker = await startMeasuredBroker([{ script }, { script: says('second') }], {
      ...HEDGED,
      env: { AIBROKER_HEDGE_PERCENT: '50' },
    })
    const pending = [1, 2, 3, 4].map(() => broker.sendChat(stream))
    await broker.upstreams[0]?.received(SAMPLES + 3)
    await broker.upstreams[1]?.received(1)
    // By now all four have waited as long as the two hedged ones.
    await pause(2 * (broker.daemon.services.endpointStats.slowMs('up0/m0') ?? 0) + 50)
    resolve()
    const texts = (await Promise.all(pending)).map(({ text }) => text)
    expect(texts.sort()).toEqual(['first', 'first', 'second', 'second'])
    expect(broker.seen()).toEqual([SAMPLES + 4, 2])
  })

  test('does not happen when the caller’s budget covers only one attempt', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilMeasured(() => [wait(promise), ...says('first')])
    await using broker = await startMeasuredBroker([{ script }, { script: says('second') }])
    const body = { ...stream, max_tokens: 1000 }
    // Up to 1000 completion tokens at $2 per million, and a few hundred bytes of prompt at $1.
    await broker.rpc('limits.set', {
      subject: { scope: 'context', context: 'poor' },
      rule: { usd_total: '0.003' },
    })
    const limited = broker.sendChat(body, { 'x-hero-context': 'poor' })
    await broker.upstreams[0]?.received(SAMPLES)
    expectWhole(await broker.sendChat(body), 'second')
    await pause(2 * (broker.daemon.services.endpointStats.slowMs('up0/m0') ?? 0) + 50)
    expect(broker.seen()).toEqual([SAMPLES + 2, 1])
    resolve()
    expectWhole(await limited, 'first')
    expect(broker.seen()).toEqual([SAMPLES + 2, 1])
  })

  test('holds the cost of both attempts, and leaves no hold when the caller disconnects', async () => {
    const row = 'abort_stops_billing: true'
    await using broker = await startMeasuredBroker([
      { script: quickUntilMeasured(() => [stall]), row },
      { script: [stall], row },
    ])
    const body = JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      max_tokens: 1000,
    })
    const hangUp = broker.openChat(body)
    await broker.upstreams[1]?.received(0)
    const [held] = broker.daemon.services.ledger.openHolds()
    hangUp()
    expect(await (await broker.upstreams[0]?.received(SAMPLES))?.closed).toBe('hung-up')
    expect(await (await broker.upstreams[1]?.received(0))?.closed).toBe('hung-up')
    const { status, costHigh } = await broker.entry()
    expect(status).toBe('cancelled')
    expect(costHigh).toBeGreaterThan(0n)
    expect(costHigh).toBeLessThanOrEqual(held?.maxCost ?? 0n)
    await broker.rpc('limits.set', { subject: { scope: 'default' }, rule: { hedge: false } })
    const hangUpSingle = broker.openChat(body)
    await broker.upstreams[0]?.received(SAMPLES + 1)
    const [heldForOne] = broker.daemon.services.ledger.openHolds()
    expect(held?.maxCost).toBe(2n * (heldForOne?.maxCost ?? 0n))
    hangUpSingle()
  })
})
