// Every API states what a response cost in the same way: known, between bounds, or unpriced.
import { expect, test } from 'vitest'
import { usdText, money } from '../../src/base/money.ts'
import { sendRequest } from '../support/open-request.ts'
import { chatChunk, cut, done, finishChunk, sse } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { answers } from './scripts.ts'

const guessed = [sse(chatChunk('so '), chatChunk('far'), finishChunk(), done)]

const CASES = [
  { name: 'an exact cost', script: answers('hi'), price: undefined, certainty: 'known' },
  { name: 'an estimate', script: guessed, price: undefined, certainty: 'bounded' },
  { name: 'no response', script: [cut], price: undefined, certainty: 'bounded' },
  { name: 'no price', script: answers('hi'), price: '', certainty: 'unpriced' },
]

test.each(CASES)('$name is stated alike by every API', async ({ script, price, certainty }) => {
  await using broker = await startBrokerWithProviders([{ script, ...(price === undefined ? {} : { price }) }])
  await broker.sendChat({ stream: script === guessed, max_tokens: 500 })
  const entry = await broker.entry()
  const { cost, costLow, costHigh } = entry
  const socketPath = broker.daemon.sockets.rest
  const get = async (path: string) => (await sendRequest({ socketPath, method: 'GET', path })).json as never
  const usd = (amount: bigint | undefined) => (amount === undefined ? undefined : Number(amount) / 1e9)

  const { data } = (await get(`/v1/generation?id=${entry.id}`)) as { data: Record<string, unknown> }
  const { x_aibroker: stated } = data as { x_aibroker: Record<string, unknown> }
  const { cost: c, cost_low, cost_high } = stated
  expect(stated['certainty']).toBe(certainty)
  expect([c, cost_low, cost_high]).toEqual([usd(cost), usd(costLow), usd(costHigh)])
  expect(stated['unpriced']).toBe(certainty === 'unpriced' ? true : undefined)
  // OpenRouter's field is never the upper bound.
  expect(data['total_cost']).toBe(usd(cost ?? costLow ?? 0n))

  const uncertain = (costHigh ?? cost ?? 0n) - (cost ?? 0n)
  const [row] = (await get('/billing/export.json')) as Record<string, unknown>[]
  expect(row).toMatchObject({ certainty, uncertain_usd: usdText(money(uncertain)) })
  const totals = {
    cost_usd: usdText(money(cost ?? 0n)),
    uncertain_usd: usdText(money(uncertain)),
    unpriced: certainty === 'unpriced' ? 1 : 0,
  }
  expect(await get('/v1/key')).toMatchObject({
    data: { usage: usd(costHigh ?? cost ?? 0n) },
    x_aibroker: totals,
  })
  expect(await get('/v1/credits')).toMatchObject({ x_aibroker: totals })
  expect(await get('/billing/usage/local')).toMatchObject(totals)
  expect(await broker.rpc('usage.summary')).toMatchObject({ totals })
})

test('bounds follow a corrected price, in the balance and in the row', async () => {
  await using broker = await startBrokerWithProviders([{ script: guessed }])
  await broker.sendChat({ stream: true, max_tokens: 500 })
  const entry = await broker.entry()
  const { ledger } = broker.daemon.services
  const twice = {
    input: money(2000n * 1000n ** 2n),
    output: money(4000n * 1000n ** 2n),
    source: undefined,
    date: undefined,
  }
  await ledger.reprice({ priceOf: () => twice, priceVersion: 'twice', now: Date.now() })
  const { cost = 0n, costLow = 0n, costHigh = 0n } = entry
  expect(ledger.correctedCost(entry)).toEqual({
    cost: 2n * cost,
    costLow: 2n * costLow,
    costHigh: 2n * costHigh,
  })
  const caller = { ip: 'local', context: undefined }
  expect(ledger.balance(caller)).toEqual({ spent: 2n * costHigh, held: 0n })
  const { cost: known, uncertain } = await ledger.summary()
  expect(known + uncertain).toBe(2n * costHigh)
})
