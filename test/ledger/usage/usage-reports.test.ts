import { expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import { temporaryStore } from '../../store/temporary-store.ts'
import { finished, request } from '../samples.ts'

/** Settles one request at second `at`. */
async function book(
  ledger: Ledger,
  row: { id: string; ip: string; context?: string; model?: string; cost?: bigint; at: number },
): Promise<void> {
  const caller = { ip: row.ip, context: row.context }
  const holdRequest = request(row.id, {
    caller,
    requestedModel: row.model ?? 'small',
    startedAt: row.at * 1000 + 999,
  })
  await ledger.settle(
    await ledger.hold(holdRequest),
    finished(row.cost === undefined ? undefined : money(row.cost)),
  )
}

test('addresses are ranked by what they spent, each with its models', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await book(ledger, { id: 'a', ip: 'cheap', cost: 1n, at: 100 })
  await book(ledger, { id: 'b', ip: 'dear', cost: 10n, at: 200 })
  await book(ledger, { id: 'c', ip: 'dear', context: 'lab', model: 'large', cost: 30n, at: 300 })
  await book(ledger, { id: 'd', ip: 'dear', model: 'large', at: 400 })
  expect(await ledger.usage()).toMatchObject([
    {
      ip: 'dear',
      requests: 3,
      promptTokens: 30,
      completionTokens: 15,
      totalTokens: 45,
      cost: 40n,
      unpriced: 1,
      firstSeen: 200,
      lastSeen: 400,
      models: [
        { model: 'large', requests: 2, cost: 30n, unpriced: 1 },
        { model: 'small', requests: 1, cost: 10n, unpriced: 0 },
      ],
    },
    { ip: 'cheap', requests: 1, cost: 1n },
  ])
  expect(await ledger.usage({ ip: 'dear', context: 'lab' })).toMatchObject([{ requests: 1, cost: 30n }])
  expect(await ledger.summary({ since: 200, until: 400 })).toMatchObject({ requests: 2, cost: 40n })
})

test('a period that contains all entries has the totals of all time, over many slices', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const rows = Array.from({ length: 12_000 }, (_, index) => ({
    id: `gen-${index}`,
    ip: `10.0.0.${index % 7}`,
    ...(index % 3 === 0 ? { context: 'lab' } : {}),
    model: `model ${index % 5}`,
    ...(index % 11 === 0 ? {} : { cost: BigInt(index) }),
    // Many share a second, so that slices end within one.
    at: 1000 + (index % 3),
  }))
  await Promise.all(rows.map((row) => book(ledger, row)))
  const always = await ledger.usage()
  expect(always).toHaveLength(7)
  expect(await ledger.usage({ since: 1000 })).toEqual(always)
  expect(await ledger.usage({ since: 1000, until: 1003 })).toEqual(always)
  expect((await ledger.summary({ since: 1001, until: 1002 })).requests).toBe(4000)
  const ids = [...ledger.entries({ limit: Infinity })].map((entry) => entry.id)
  expect(new Set(ids).size).toBe(12_000)
})

test('entries come newest first, from a second on, and up to a limit', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  for (const at of [3, 1, 2]) await book(ledger, { id: `at ${at}`, ip: 'local', at })
  const ids = (options: { limit: number; since?: number }): string[] =>
    [...ledger.entries(options)].map((entry) => entry.id)
  expect(ids({ limit: 9 })).toEqual(['at 3', 'at 2', 'at 1'])
  expect(ids({ limit: 9, since: 2 })).toEqual(['at 3', 'at 2'])
  expect(ids({ limit: 1 })).toEqual(['at 3'])
})

test('a ledger without entries has a summary of zeros', async () => {
  await using here = temporaryStore()
  const empty = await createLedger({ store: here.store }).summary({ since: 0 })
  expect(empty).toMatchObject({ requests: 0, cost: 0n, firstSeen: undefined, models: [] })
})

test('usage counts under the model that responded, and the requested name stays in the row', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const responses = [
    ['gen-1', 'auto', 'gpt-4o'],
    ['gen-2', 'gpt-4o', 'gpt-4o'],
    ['gen-3', 'auto', 'llama-3.3', 1n],
    ['gen-4', 'auto', undefined, 0n],
  ] as const
  for (const [id, requestedModel, model, cost = 2n] of responses)
    await ledger.settle(await ledger.hold(request(id, { requestedModel })), finished(money(cost), { model }))
  const expected = [
    { model: 'gpt-4o', requests: 2 },
    { model: 'llama-3.3', requests: 1 },
    { model: 'auto', requests: 1 },
  ]
  expect((await ledger.summary()).models).toMatchObject(expected)
  await ledger.clear(0)
  expect((await ledger.summary()).models).toMatchObject(expected)
  expect((await ledger.groups({ since: 1_700_000_000 }, ['model'])).map(({ model }) => model)).toEqual(
    expected.map(({ model }) => model),
  )
  expect(ledger.find('gen-1')).toMatchObject({ requestedModel: 'auto', model: 'gpt-4o' })
})
