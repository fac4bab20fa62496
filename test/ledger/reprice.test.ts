import { expect, test } from 'vitest'
import { parseUsd, money } from '../../src/base/money.ts'
import type { Price } from '../../src/catalog/catalog.ts'
import { createLedger, type Ledger } from '../../src/ledger/ledger.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { finished, request } from './samples.ts'

const caller = { ip: '10.0.0.1', context: undefined }
const NOW = 1_700_000_500_000

/** Ten tokens in and five out, as the samples use, cost 20 nano-dollars. */
const corrected: Price = {
  input: parseUsd('0.001'),
  output: parseUsd('0.002'),
  source: undefined,
  date: undefined,
}

async function rerate(ledger: Ledger, price: Price | undefined = corrected) {
  return ledger.reprice({ priceOf: () => price, priceVersion: 'v2', now: NOW })
}

test('repricing books new entries and leaves the old ones unchanged', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.settle(await ledger.hold(request('dear')), finished(money(50n)))
  await ledger.settle(await ledger.hold(request('unpriced')), finished(undefined))
  const before = ledger.find('dear')
  expect(await ledger.summary()).toMatchObject({ requests: 2, cost: 50n, unpriced: 1, promptTokens: 20 })

  expect(await rerate(ledger)).toEqual({ looked: 2, adjusted: 2, difference: -10n })
  expect(ledger.find('dear')).toEqual(before)
  expect(await ledger.summary()).toMatchObject({ requests: 2, cost: 40n, unpriced: 0, promptTokens: 20 })
  expect(ledger.balance(caller).spent).toBe(40n)
  const [newest] = [...ledger.entries({ limit: 1 })]
  expect(newest).toMatchObject({ status: 'adjusted', priceVersion: 'v2', adjusts: 'dear', cost: -30n })
  expect(await ledger.verify()).toMatchObject({ rows: 4 })
})

test('repricing twice changes nothing the second time, and a third price corrects the correction', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.settle(await ledger.hold(request('one')), finished(money(50n)))
  await rerate(ledger)
  expect(await rerate(ledger)).toMatchObject({ adjusted: 0, difference: 0n })
  await rerate(ledger, { ...corrected, perRequest: parseUsd('0.000000001') })
  expect((await ledger.summary()).cost).toBe(21n)
})

test('a dry run of repricing reports what would change and books nothing', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.settle(await ledger.hold(request('one')), finished(money(50n)))
  const trial = await ledger.reprice({
    priceOf: () => corrected,
    priceVersion: 'v2',
    now: NOW,
    isDryRun: true,
  })
  expect(trial).toEqual({ looked: 1, adjusted: 1, difference: -30n })
  expect((await ledger.summary()).cost).toBe(50n)
})

test('repricing leaves a cost that the provider charged', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.settle(await ledger.hold(request('one')), finished(money(50n), { costSource: 'upstream' }))
  expect(await rerate(ledger)).toMatchObject({ adjusted: 0 })
})
