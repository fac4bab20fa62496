import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { cut, sse, chatChunk, stall, wait, type Script, type Step } from '../support/scripted-upstream.ts'
import { brokerBefore, type BrokerBefore, type ProviderBehind } from './broker-with-providers.ts'
import { expectWhole, refuses, role, says } from './scripts.ts'

/** Number of responses after which an endpoint's percentile is known. */
const KNOWN = 20
const stream = { stream: true }
const HEDGED = { modelLine: 'hedge: true', env: { AIBROKER_HEDGE_PERCENT: '100' } }

/** Responds quickly until its percentile is known, then follows `then`. */
function quickUntilKnown(then: (nth: number) => readonly Step[]): Script {
  return (_request, nth) => (nth < KNOWN ? says('quick') : then(nth - KNOWN))
}

async function knownFor(
  providers: readonly ProviderBehind[],
  options: Parameters<typeof brokerBefore>[1] = HEDGED,
): Promise<BrokerBefore> {
  const broker = await brokerBefore(providers, options)
  for (let nth = 0; nth < KNOWN; nth++) expectWhole(await broker.ask(stream), 'quick')
  // Wait until their holds are settled.
  await broker.entry()
  return broker
}

describe('with hedging allowed, a stream that is late by its endpoint’s own percentile', () => {
  test('is requested from the next endpoint too; the first to send text is relayed, the other is aborted and billed', async () => {
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [sse(role), stall]), row: 'abort_stops_billing: true' },
      { script: says('second') },
    ])
    const told = await broker.ask(stream)
    expectWhole(told, 'second')
    expect(told.headers['x-aibroker-tried']).toBe('up0/m0, up1/m1')
    expect(broker.seen()).toEqual([KNOWN + 1, 1])
    expect(await (await broker.upstreams[0]?.received(KNOWN))?.closed).toBe('hung-up')
    const { status, endpoint, attempts, usage, cost, costLow, costHigh } = await broker.entry()
    expect({ status, endpoint }).toEqual({ status: 'finished', endpoint: 'up1/m1' })
    expect(attempts).toMatchObject([{ endpoint: 'up0/m0', code: 'outrun' }])
    // The counts are those of the relayed response. The possible charge for the aborted attempt is unknown, so only the upper bound includes it.
    expect(usage).toMatchObject({ prompt: 10, completion: 5 })
    expect([cost, costLow]).toEqual([20_000n, 20_000n])
    expect(costHigh).toBeGreaterThan(20_000n)
    expect(broker.daemon.rooms.health.row('up0/m0')?.state).toBe('closed')
    expect(broker.daemon.rooms.figures.uptime('up0/m0', 60_000)).toBe(100)
  })

  test('is read to its end for its usage when its provider keeps billing after an abort', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [wait(promise), ...says('late')]) },
      { script: says('second') },
    ])
    expectWhole(await broker.ask(stream), 'second')
    resolve()
    const { usage, cost, costHigh } = await broker.entry()
    expect(usage).toMatchObject({ prompt: 10, completion: 5 })
    expect([cost, costHigh]).toEqual([40_000n, undefined])
    expect(await (await broker.upstreams[0]?.received(KNOWN))?.closed).toBe('answered')
  })

  test('is relayed when it still sends text before the hedged attempt', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [wait(promise), ...says('first')]) },
      { script: [stall], row: 'abort_stops_billing: true' },
    ])
    const asked = broker.ask(stream)
    await broker.upstreams[1]?.received(0)
    resolve()
    const told = await asked
    expectWhole(told, 'first')
    expect(await (await broker.upstreams[1]?.received(0))?.closed).toBe('hung-up')
    expect(await broker.entry()).toMatchObject({
      endpoint: 'up0/m0',
      attempts: [{ endpoint: 'up1/m1', code: 'outrun' }],
    })
    expect(broker.seen()).toEqual([KNOWN + 1, 1])
  })

  test('is awaited when the hedged attempt is refused', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [wait(promise), ...says('first')]) },
      { script: refuses(503) },
    ])
    const asked = broker.ask(stream)
    await (
      await broker.upstreams[1]?.received(0)
    )?.closed
    resolve()
    expectWhole(await asked, 'first')
    expect(await broker.entry()).toMatchObject({
      endpoint: 'up0/m0',
      cost: 20_000n,
      attempts: [{ endpoint: 'up1/m1', code: 'upstream-failed', status: 503 }],
    })
    expect(broker.seen()).toEqual([KNOWN + 1, 1])
  })

  test('may fail while the hedged attempt has sent no text yet', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { promise: failing, resolve: fail } = Promise.withResolvers<void>()
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [wait(failing), ...refuses(500)]) },
      { script: [wait(promise), ...says('second')] },
    ])
    const asked = broker.ask(stream)
    await broker.upstreams[1]?.received(0)
    fail()
    await (
      await broker.upstreams[0]?.received(KNOWN)
    )?.closed
    resolve()
    expectWhole(await asked, 'second')
    expect(broker.seen()).toEqual([KNOWN + 1, 1])
  })

  test('falls back to a third endpoint when both attempts fail, and no endpoint is tried twice', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [wait(promise), ...refuses(500)]) },
      { script: [wait(promise), ...refuses(503)] },
      { script: says('third') },
    ])
    const asked = broker.ask(stream)
    await broker.upstreams[1]?.received(0)
    resolve()
    const told = await asked
    expectWhole(told, 'third')
    expect(told.headers['x-aibroker-tried']?.toString().split(', ').sort()).toEqual([
      'up0/m0',
      'up1/m1',
      'up2/m2',
    ])
    expect(broker.seen()).toEqual([KNOWN + 1, 1, 1])
  })

  test('ends in an error event when the relayed attempt breaks off', async () => {
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [stall]), row: 'abort_stops_billing: true' },
      { script: [sse(chatChunk('sec')), cut] },
    ])
    const told = await broker.ask({ ...stream, n: 2 })
    expect([told.status, told.isDone, told.finish]).toEqual([200, false, 'error'])
    expect(broker.seen()).toEqual([KNOWN + 1, 1])
    expect(await broker.entry()).toMatchObject({ status: 'broken', endpoint: 'up1/m1' })
  })
})

describe('hedging', () => {
  test('is off unless the model or a limit allows it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilKnown(() => [wait(promise), ...says('first')])
    await using broker = await knownFor([{ script }, { script: says('second') }], {
      env: { AIBROKER_HEDGE_PERCENT: '100' },
    })
    const plain = broker.ask(stream)
    await broker.upstreams[0]?.received(KNOWN)
    await broker.rpc('limits.set', { subject: { scope: 'context', context: 'lab' }, rule: { hedge: true } })
    // This request was sent later and has been hedged by the same percentile, so the first would have been hedged by now.
    expectWhole(await broker.ask(stream, { 'x-hero-context': 'lab' }), 'second')
    expect(broker.seen()).toEqual([KNOWN + 2, 1])
    resolve()
    expectWhole(await plain, 'first')
    expect(broker.seen()).toEqual([KNOWN + 2, 1])
  })

  test('is off for a caller whose limit forbids it although the model allows it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilKnown(() => [wait(promise), ...says('first')])
    await using broker = await knownFor([{ script }, { script: says('second') }])
    await broker.rpc('limits.set', { subject: { scope: 'context', context: 'lab' }, rule: { hedge: false } })
    const patient = broker.ask(stream, { 'x-hero-context': 'lab' })
    await broker.upstreams[0]?.received(KNOWN)
    expectWhole(await broker.ask(stream), 'second')
    resolve()
    expectWhole(await patient, 'first')
    expect(broker.seen()).toEqual([KNOWN + 2, 1])
  })

  test('stays within its budget of extra requests', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilKnown(() => [wait(promise), ...says('first')])
    await using broker = await knownFor([{ script }, { script: says('second') }], {
      ...HEDGED,
      env: { AIBROKER_HEDGE_PERCENT: '50' },
    })
    const asked = [1, 2, 3, 4].map(() => broker.ask(stream))
    await broker.upstreams[0]?.received(KNOWN + 3)
    await broker.upstreams[1]?.received(1)
    // By now all four have waited as long as the two hedged ones.
    await pause(2 * (broker.daemon.rooms.figures.slowMs('up0/m0') ?? 0) + 50)
    resolve()
    const texts = (await Promise.all(asked)).map(({ text }) => text)
    expect(texts.sort()).toEqual(['first', 'first', 'second', 'second'])
    expect(broker.seen()).toEqual([KNOWN + 4, 2])
  })

  test('does not happen when the caller’s budget covers only one attempt', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const script = quickUntilKnown(() => [wait(promise), ...says('first')])
    await using broker = await knownFor([{ script }, { script: says('second') }])
    const body = { ...stream, max_tokens: 1000 }
    // Up to 1000 completion tokens at $2 per million, and a few hundred bytes of prompt at $1.
    await broker.rpc('limits.set', {
      subject: { scope: 'context', context: 'poor' },
      rule: { usd_total: '0.003' },
    })
    const poor = broker.ask(body, { 'x-hero-context': 'poor' })
    await broker.upstreams[0]?.received(KNOWN)
    expectWhole(await broker.ask(body), 'second')
    await pause(2 * (broker.daemon.rooms.figures.slowMs('up0/m0') ?? 0) + 50)
    expect(broker.seen()).toEqual([KNOWN + 2, 1])
    resolve()
    expectWhole(await poor, 'first')
    expect(broker.seen()).toEqual([KNOWN + 2, 1])
  })

  test('holds the cost of both attempts, and leaves no hold when the caller disconnects', async () => {
    const row = 'abort_stops_billing: true'
    await using broker = await knownFor([
      { script: quickUntilKnown(() => [stall]), row },
      { script: [stall], row },
    ])
    const body = JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      max_tokens: 1000,
    })
    const left = broker.leave(body)
    await broker.upstreams[1]?.received(0)
    const [held] = broker.daemon.rooms.ledger.openHolds()
    left()
    expect(await (await broker.upstreams[0]?.received(KNOWN))?.closed).toBe('hung-up')
    expect(await (await broker.upstreams[1]?.received(0))?.closed).toBe('hung-up')
    const { status, costHigh } = await broker.entry()
    expect(status).toBe('cancelled')
    expect(costHigh).toBeGreaterThan(0n)
    expect(costHigh).toBeLessThanOrEqual(held?.most ?? 0n)
    await broker.rpc('limits.set', { subject: { scope: 'default' }, rule: { hedge: false } })
    const leftAlone = broker.leave(body)
    await broker.upstreams[0]?.received(KNOWN + 1)
    const [heldForOne] = broker.daemon.rooms.ledger.openHolds()
    expect(held?.most).toBe(2n * (heldForOne?.most ?? 0n))
    leftAlone()
  })
})
