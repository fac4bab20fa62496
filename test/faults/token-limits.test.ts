// A limit of tokens a minute holds for what is answered, not only for what is asked.
import { expect, test } from 'vitest'
import { json, type Script } from '../support/scripted-upstream.ts'
import { openaiAt } from '../support/providers-env.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'

const LIMIT = 1000
const PROMPT = 10
const subject = { scope: 'default' }

/** Answers with `usual` tokens, or with as many as it is asked for where that is less. */
function answersUpTo(usual: number, gate: Promise<void> = Promise.resolve()): Script {
  return ({ body }) => {
    const { max_tokens = usual } = body as { max_tokens?: number }
    const completion = Math.min(usual, max_tokens)
    const choice = { index: 0, message: { role: 'assistant', content: 'word ' }, finish_reason: 'stop' }
    const usage = { prompt_tokens: PROMPT, completion_tokens: completion, total_tokens: PROMPT + completion }
    return [() => gate, json(200, { id: 'x', object: 'chat.completion', choices: [choice], usage })]
  }
}

test.each([
  ['with max_tokens', { max_tokens: 209 }, 209],
  ['without max_tokens', {}, 209],
  ['without max_tokens, whose answers are longer than the limit', {}, 20_000],
])('a burst of requests %s gets no more tokens than the limit', async (_name, body, usual) => {
  await using broker = await startBrokerWithProviders([{ script: answersUpTo(usual) }])
  await broker.rpc('limits.set', { subject, rule: { tokens_per_minute: LIMIT } })
  const responses = await Promise.all(Array.from({ length: 100 }, () => broker.sendChat(body)))
  const served = responses.filter(({ status }) => status === 200)
  const tokens = served.reduce((sum, { usage }) => sum + (usage?.completion_tokens ?? 0) + PROMPT, 0)
  expect(served.length).toBeGreaterThan(0)
  expect(tokens).toBeLessThanOrEqual(LIMIT)
  for (const { status, headers } of responses)
    if (status !== 200) expect([status, Number(headers['retry-after']) > 0]).toEqual([429, true])
})

test('what a request does not use is given back, and the response says how it was capped', async () => {
  await using broker = await startBrokerWithProviders([{ script: answersUpTo(50) }])
  await broker.rpc('limits.set', { subject, rule: { tokens_per_minute: LIMIT } })
  const first = await broker.sendChat()
  const cap = Number(
    /^max_tokens=(\d+); limit=tokens_per_minute$/.exec(String(first.headers['x-aibroker-limited']))?.[1],
  )
  expect(cap).toBeGreaterThan(900)
  expect(broker.upstreams[0]?.requests[0]?.body).toMatchObject({ max_tokens: cap })
  expect(JSON.parse(first.raw)).toMatchObject({
    x_aibroker: { limited: { max_tokens: cap, limit: 'tokens_per_minute' } },
  })
  const { status, headers } = await broker.sendChat({ max_tokens: 800 })
  expect([status, headers['x-aibroker-limited']]).toEqual([200, undefined])
})

test('a caller that leaves before the end counts with what it may have used', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using broker = await startBrokerWithProviders([{ script: answersUpTo(500, promise) }], {
    env: { AIBROKER_HANGUP: 'cut' },
  })
  await broker.rpc('limits.set', { subject, rule: { tokens_per_minute: LIMIT } })
  const hangUp = broker.openChat(
    JSON.stringify({ model: 'm', max_tokens: 700, messages: [{ role: 'user', content: 'hi' }] }),
  )
  await broker.upstreams[0]?.received(0)
  hangUp()
  await expect.poll(() => broker.daemon.services.ledger.openHolds().length).toBe(0)
  expect((await broker.sendChat({ max_tokens: 700 })).status).toBe(429)
  resolve()
})

test('a burst over several workers gets no more tokens than the limit', { timeout: 60_000 }, async () => {
  await using upstream = await scriptedUpstream(answersUpTo(209))
  await using broker = await startBroker({ env: openaiAt(upstream), args: ['--workers', '3'] })
  await broker.rpc('limits.set', { subject, rule: { tokens_per_minute: LIMIT } })
  for (const more of [{}, { max_tokens: 209 }]) {
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }], ...more }
    await Promise.all(Array.from({ length: 100 }, () => broker.post('/v1/chat/completions', body)))
  }
  await expect.poll(() => broker.openHolds()).toBe(0)
  const tokens = upstream.requests.reduce(
    (sum, { body }) => sum + PROMPT + Math.min(209, (body as { max_tokens?: number }).max_tokens ?? 209),
    0,
  )
  expect(upstream.requests.length).toBeGreaterThan(0)
  expect(tokens).toBeLessThanOrEqual(LIMIT)
})
