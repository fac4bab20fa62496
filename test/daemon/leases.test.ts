// A broker grants a part of a budget, and never serves more than it granted, whatever happens.
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CHAT = '/v1/chat/completions'
const chat = { model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 100, total_tokens: 110 },
}
const COST_NANO = 10 * 150 + 100 * 600

interface Lease {
  readonly id: string
  readonly granted_usd: string
  readonly left_usd: string
  readonly spent_usd: string
}

const exchange = async (broker: Broker, params: object): Promise<Lease> =>
  (await broker.rpc('leases.exchange', params)) as Lease

const under = (lease: Lease) => ({
  headers: { 'x-aibroker-cascade': '1', 'x-aibroker-lease': lease.id },
})

function spentOf(broker: Broker): number {
  return broker
    .rows()
    .reduce((sum, row) => sum + Number(row['cost_nano'] ?? 0) + Number(row['uncertain_nano']), 0)
}

test('a lease is taken out of the budget, spent by requests under it, renewed, and given back', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await broker.rpc('limits.set', { subject: { scope: 'everybody' }, rule: { usd_total: '0.01' } })
  const lease = await exchange(broker, { want_usd: '0.004' })
  expect(lease).toMatchObject({ granted_usd: '0.004', left_usd: '0.004' })
  // The lost answer: the same again grants nothing new, and tells what was granted.
  expect(await exchange(broker, { lease: lease.id, want_usd: '0.004' })).toMatchObject({
    granted_usd: '0.004',
  })
  expect((await broker.post(CHAT, chat, under(lease))).status).toBe(200)
  expect(await broker.rpc('leases.list')).toMatchObject([{ spent_usd: '0.0000615', left_usd: '0.0039385' }])
  const all = await exchange(broker, { lease: lease.id, known_usd: '0.004', want_usd: '1' })
  expect(all).toMatchObject({ granted_usd: '0.01' })
  expect((await broker.post(CHAT, chat)).status).toBe(402)
  await exchange(broker, { lease: lease.id, known_usd: '0.01', returned_usd: '0.005', want_usd: '0' })
  expect((await broker.post(CHAT, chat)).status).toBe(200)
  expect(await broker.rpc('leases.end', { lease: lease.id })).toEqual({ removed: true })
  expect(await broker.post(CHAT, chat, under(lease))).toMatchObject({ status: 402 })
  const [left] = (await broker.rpc('limits.standing')) as readonly { held_usd: string; left_usd: string }[]
  expect(left).toMatchObject({ held_usd: '0', left_usd: '0.009877' })
})

test('a lease that is too small for a request says that it is the lease, so that no key counts as without credit', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const lease = await exchange(broker, { want_usd: '0.00000001' })
  const { status, json: body } = await broker.post(CHAT, chat, under(lease))
  expect(status).toBe(402)
  expect(body).toMatchObject({ error: { metadata: { budget: 'lease' } } })
})

test('a lease for some models refuses others', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const lease = await exchange(broker, { want_usd: '1', models: ['gpt-4o'] })
  expect((await broker.post(CHAT, chat, under(lease))).status).toBe(404)
  expect((await broker.post(CHAT, { ...chat, model: 'gpt-4o' }, under(lease))).status).toBe(200)
})

test(
  '200 callers under one lease never get more than it holds, while the broker is killed twice',
  { timeout: 60_000 },
  async () => {
    await using upstream = await scriptedUpstream([json(200, answer)], { discardsRequests: true })
    using folder = tempFolder()
    const start = () => startBroker({ folder: folder.path, env: openaiAt(upstream) })
    const GRANTED = 200 * COST_NANO
    let served = 0
    let lease: Lease | undefined
    for (const round of [0, 1, 2]) {
      await using broker = await start()
      lease ??= await exchange(broker, { want_usd: String(GRANTED / 1e9) })
      const current = lease
      const isLast = round === 2
      let answered = 0
      const caller = async (): Promise<void> => {
        for (;;) {
          const response = await broker.post(CHAT, chat, under(current)).catch(() => undefined)
          if (response?.status !== 200) return
          answered++
          if (!isLast && answered === 40) broker.signal('SIGKILL')
        }
      }
      await Promise.all(Array.from({ length: 200 }, caller))
      served += answered
    }
    await using broker = await start()
    await expect.poll(() => broker.openHolds(), { timeout: 5000 }).toBe(1)
    const [end] = (await broker.rpc('leases.list')) as readonly Lease[]
    const left = Math.round(Number(end?.left_usd) * 1e9)
    expect(served * COST_NANO).toBeLessThanOrEqual(spentOf(broker))
    // A kill between two writes may free a part of the lease early; it never adds to it.
    expect(spentOf(broker) + left).toBeLessThanOrEqual(GRANTED)
    expect(left).toBeLessThan(COST_NANO * 2)
    expect(spentOf(broker)).toBeGreaterThan(GRANTED * 0.9)
  },
)
