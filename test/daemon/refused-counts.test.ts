// Requests that are refused have no row; they are counted per caller and day.
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const hello = { model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
}

async function ask(broker: Broker, context: string): Promise<number> {
  const response = await broker.post('/v1/chat/completions', hello, {
    headers: { 'x-hero-context': context },
  })
  return response.status
}

test.each([['one process', []] as const, ['two workers', ['--workers', '2']] as const])(
  'refused requests of %s are counted per caller and day, and outlive the broker',
  async (_name, args) => {
    using folder = tempFolder()
    await using upstream = await scriptedUpstream([json(200, answer)])
    const env = openaiAt(upstream)
    {
      await using broker = await startBroker({ env, args: [...args], folder: folder.path })
      const subject = (context: string) => ({ scope: 'context', context })
      await broker.rpc('limits.set', { subject: subject('poor'), rule: { usd_total: '0' } })
      await broker.rpc('limits.set', { subject: subject('fast'), rule: { requests_per_minute: 1 } })
      expect([await ask(broker, 'poor'), await ask(broker, 'poor')]).toEqual([402, 402])
      expect([await ask(broker, 'fast'), await ask(broker, 'fast')]).toEqual([200, 429])
      // A worker reports its counts to the main process beside the response.
      await expect
        .poll(() => broker.rpc('usage.summary', {}), { timeout: 10_000 })
        .toMatchObject({
          totals: { requests: 1 },
          refused: { over_budget: 2, over_limit: 1, unavailable: 0 },
        })
    }
    await using again = await startBroker({ env, folder: folder.path })
    const billing = await again.get('/billing/usage/local')
    const day = new Date().toISOString().slice(0, 10)
    expect(billing.json).toMatchObject({
      refused: [
        { day, ip: 'local', context: 'fast', token: null, over_budget: 0, over_limit: 1, unavailable: 0 },
        { day, ip: 'local', context: 'poor', token: null, over_budget: 2, over_limit: 0, unavailable: 0 },
      ],
    })
  },
  60_000,
)

test('requests beyond the maximum of open ones are counted as unavailable', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  const env = { ...openaiAt(upstream), AIBROKER_MAX_OPEN_REQUESTS: '1' }
  await using broker = await startBroker({ env })
  const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(broker, 'lab')))
  const refused = statuses.filter((status) => status === 503).length
  expect(refused).toBeGreaterThan(0)
  expect(await broker.rpc('usage.summary', {})).toMatchObject({
    totals: { requests: 20 - refused },
    refused: { unavailable: refused },
  })
})
