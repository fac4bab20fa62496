// Money that running requests hold is not spent: a request may wait for it.
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type Script } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { startBrokerWithProviders, type ReceivedChat } from './broker-with-providers.ts'
import { answers, plainResponse } from './scripts.ts'

const subject = { scope: 'default' }
/** At $1 and $2 per million tokens, a request may cost at most some $0.002, and an answer costs $0.00002. */
const request = { max_tokens: 1000 }

function gate(): { readonly script: Script; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { script: [() => promise, ...answers('fine')], open: resolve }
}

const marks = ({ status, headers, error }: ReceivedChat) => [
  status,
  headers['retry-after'],
  headers['x-should-retry'],
  error?.metadata['budget'],
]

test('a refusal tells money that is held from money that is spent', async () => {
  const { script, open } = gate()
  await using broker = await startBrokerWithProviders([{ script }])
  await broker.rpc('limits.set', { subject, rule: { usd_total: '0.003' } })
  const first = broker.sendChat(request)
  await broker.upstreams[0]?.received(0)
  const held = await broker.sendChat(request)
  expect(marks(held)).toEqual([402, '1', 'true', 'held'])
  expect(held.error?.message).toContain('running requests hold the rest')
  open()
  expect((await first).status).toBe(200)
  expect((await broker.sendChat(request)).status).toBe(200)
  await broker.rpc('limits.set', { subject, rule: { usd_total: '0.00001' } })
  expect(marks(await broker.sendChat(request))).toEqual([402, undefined, undefined, 'spent'])
})

test('a request waits for held money as long as its caller allows, and no longer', async () => {
  const { script, open } = gate()
  await using broker = await startBrokerWithProviders([{ script }])
  await broker.rpc('limits.set', { subject, rule: { usd_total: '0.003' } })
  const first = broker.sendChat(request)
  await broker.upstreams[0]?.received(0)
  const impatient = await broker.sendChat(request, { 'x-budget-wait-ms': '20' })
  expect(marks(impatient)).toEqual([402, '1', 'true', 'held'])
  for (const invalid of ['-1', '1e9', 'soon', '5, 5'])
    expect((await broker.sendChat(request, { 'x-budget-wait-ms': invalid })).status).toBe(402)
  const patient = broker.sendChat(request, { 'x-budget-wait-ms': '999999999' })
  open()
  expect((await patient).status).toBe(200)
  expect((await first).status).toBe(200)
})

test('money that is spent is not waited for', async () => {
  await using broker = await startBrokerWithProviders([{ script: answers('fine') }])
  await broker.rpc('limits.set', { subject, rule: { usd_total: '0.00001' } })
  const startedAt = performance.now()
  expect((await broker.sendChat(request, { 'x-budget-wait-ms': '30000' })).status).toBe(402)
  expect(performance.now() - startedAt).toBeLessThan(15_000)
})

test('a caller that leaves while its request waits for money leaves nothing behind', async () => {
  const { script, open } = gate()
  await using broker = await startBrokerWithProviders([{ script }])
  await broker.rpc('limits.set', { subject, rule: { usd_total: '0.003', concurrent: 2 } })
  const first = broker.sendChat(request)
  await broker.upstreams[0]?.received(0)
  const { timers } = broker
  const left = new AbortController()
  const { request: send } = await import('node:http')
  const waiting = send({
    socketPath: broker.daemon.sockets.rest,
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-budget-wait-ms': '30000' },
    signal: left.signal,
  })
  waiting.on('error', () => undefined)
  waiting.end(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...request }))
  await expect.poll(() => broker.timers).toBeGreaterThan(timers)
  left.abort()
  await expect.poll(() => broker.timers).toBeLessThanOrEqual(timers)
  open()
  expect((await first).status).toBe(200)
  expect(broker.seen()).toEqual([1])
})

test('a response with more tokens than were asked for is flagged, and one with as many is not', async () => {
  await using broker = await startBrokerWithProviders([{ script: answers('fine') }])
  await broker.sendChat({ max_tokens: 4 })
  expect((await broker.entry()).flag).toBe(
    'the provider reported 5 completion tokens, and was asked for 4 at most',
  )
  await broker.sendChat({ max_completion_tokens: 4 })
  expect((await broker.entry()).flag).toContain('asked for 4')
  for (const body of [{ max_tokens: 5 }, { max_tokens: 4, n: 2 }, {}]) {
    await broker.sendChat(body)
    expect((await broker.entry()).flag).toBeUndefined()
  }
})

test.each([[[]], [['--workers', '3']]])(
  'of 60 callers on a budget for three at a time, all are served that may wait (%j)',
  { timeout: 60_000 },
  async (args) => {
    await using upstream = await scriptedUpstream([json(200, plainResponse('fine'))])
    await using broker = await startBroker({ env: openaiAt(upstream), args })
    // gpt-4o-mini: $0.15 and $0.60 per million tokens; 1,000 tokens may cost $0.0006 and a little more.
    await broker.rpc('limits.set', { subject, rule: { usd_total: '0.0025' } })
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }], ...request }
    const headers = { 'x-budget-wait-ms': '20000' }
    const responses = await Promise.all(
      Array.from({ length: 60 }, () => broker.post('/v1/chat/completions', body, { headers })),
    )
    expect(responses.filter(({ status }) => status === 200).length).toBe(60)
    await expect.poll(() => broker.openHolds()).toBe(0)
  },
)
