// Stored responses belong to one caller, and the caller's rules apply before one is sent again.
import { describe, expect, test } from 'vitest'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, refuses } from './scripts.ts'

/** The two ways to get a stored response. */
const REPLAYS = [
  ['an Idempotency-Key', { 'idempotency-key': 'order-7' }],
  ['a cached response', { 'x-openrouter-cache': 'true' }],
] as const

interface Bearer {
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
}

async function bearer(broker: BrokerWithProviders, rule?: object): Promise<Bearer> {
  const params = { label: 'test', ...(rule === undefined ? {} : { rule }) }
  const { id, token } = (await broker.rpc('tokens.create', params)) as { id: string; token: string }
  return { id, headers: { authorization: `Bearer ${token}` } }
}

function setRule(broker: BrokerWithProviders, { id }: Bearer, rule: object): Promise<unknown> {
  return broker.rpc('limits.set', { subject: { scope: 'token', token: id }, rule })
}

describe.each(REPLAYS)('%s', (_name, replay) => {
  test('is of one address, context and token', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    const [one, two] = [await bearer(broker), await bearer(broker)]
    const callers = [
      {},
      { 'x-hero-context': 'lab' },
      { 'x-forwarded-for': '10.0.0.1' },
      one.headers,
      two.headers,
      { ...one.headers, 'x-hero-context': 'lab' },
      { ...two.headers, 'x-forwarded-for': '10.0.0.1' },
    ]
    for (const caller of callers) expectWhole(await broker.sendChat({}, { ...replay, ...caller }), 'x')
    expect(broker.seen()).toEqual([callers.length])
    for (const caller of callers) expectWhole(await broker.sendChat({}, { ...replay, ...caller }), 'x')
    expect(broker.seen()).toEqual([callers.length])
  })

  test('of a caller is in no other caller’s way', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    const [one, two] = [await bearer(broker), await bearer(broker)]
    await broker.sendChat({}, { ...replay, ...one.headers })
    const other = await broker.sendChat({ temperature: 1 }, { ...replay, ...two.headers })
    expect([other.status, other.text]).toEqual([200, 'x'])
  })

  test.each([
    ['the model', { models: ['other'] }, 404],
    ['the provider', { providers: ['up1'] }, 404],
    ['a budget that is already exceeded', { usd_per_day: '0.000000001' }, 402],
  ])('is not sent again once a rule forbids %s', async (_what, rule, status) => {
    await using broker = await startBrokerWithProviders([
      { script: answers('x') },
      { script: answers('y'), model: 'other' },
    ])
    const one = await bearer(broker)
    expectWhole(await broker.sendChat({}, { ...replay, ...one.headers }), 'x')
    await broker.entry()
    await setRule(broker, one, rule)
    const repeated = await broker.sendChat({}, { ...replay, ...one.headers })
    expect(repeated.status).toBe(status)
    expect(repeated.raw).not.toContain('"x"')
    expect(broker.seen()).toEqual([1, 0])
    await broker.rpc('limits.remove', { subject: { scope: 'token', token: one.id } })
    expectWhole(await broker.sendChat({}, { ...replay, ...one.headers }), 'x')
  })

  test('is not sent again if a model gave it that the caller may no longer use', async () => {
    await using broker = await startBrokerWithProviders([
      { script: refuses(501) },
      { script: answers('secret'), model: 'other' },
    ])
    const one = await bearer(broker)
    const body = { models: ['m', 'other'] }
    expectWhole(await broker.sendChat(body, { ...replay, ...one.headers }), 'secret')
    await broker.entry()
    await setRule(broker, one, { models: ['m'] })
    const repeated = await broker.sendChat(body, { ...replay, ...one.headers })
    expect([repeated.status, repeated.raw.includes('secret')]).toEqual([404, false])
  })

  test('counts against the rate limits of its caller', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    const one = await bearer(broker, { requests_per_minute: 2 })
    const statuses = []
    for (let nth = 0; nth < 3; nth++)
      statuses.push((await broker.sendChat({}, { ...replay, ...one.headers })).status)
    expect(statuses).toEqual([200, 200, 429])
    expect(broker.seen()).toEqual([1])
  })

  test('is sent again to a caller whose budget it used up, because it costs nothing', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    const one = await bearer(broker)
    expectWhole(await broker.sendChat({}, { ...replay, ...one.headers }), 'x')
    const { cost } = await broker.entry()
    const usd = `0.${String(cost).padStart(9, '0')}`
    await setRule(broker, one, { usd_per_day: usd })
    expect((await broker.sendChat({}, one.headers)).status).toBe(402)
    expectWhole(await broker.sendChat({}, { ...replay, ...one.headers }), 'x')
  })

  test('is not sent again with a token that was disabled', async () => {
    await using broker = await startBrokerWithProviders([{ script: answers('x') }])
    const one = await bearer(broker)
    await broker.sendChat({}, { ...replay, ...one.headers })
    await broker.rpc('tokens.disable', { id: one.id })
    expect((await broker.sendChat({}, { ...replay, ...one.headers })).status).toBe(401)
  })
})
