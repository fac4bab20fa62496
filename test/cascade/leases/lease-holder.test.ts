// The holder against the real granting side, over a store on disk, with clocks that a test moves.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { money, parseUsd } from '../../../src/base/money.ts'
import { LeaseHolder, type KeptLease } from '../../../src/cascade/leases/lease-holder.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { exchangeLease } from '../../../src/limits/leases/lease-row.ts'
import { Leases } from '../../../src/limits/leases/leases.ts'
import { openStore } from '../../../src/store/store.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const caller = { ip: '10.0.0.7', context: undefined }
const usd = (text: string) => parseUsd(text)
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A mother with a budget, and what her child says to her. */
function motherWith(budget: string) {
  const folder = tempFolder()
  const clock = manualClock()
  const store = openStore({ path: join(folder.path, 'requests.db'), clock, durability: 'full' })
  const ledger = createLedger({ store, now: clock.now(), onUnsettled: () => undefined })
  const limits = {
    allowance: () => {
      const held = ledger.openHolds().reduce((sum, { maxCost = money(0n) }) => sum + maxCost, 0n)
      const remaining = money(usd(budget) - held)
      return { remaining, unspent: remaining, allowUnpriced: false, name: 'b', period: 'total' as const }
    },
  }
  const leases = new Leases({ store, ledger, limits, clock })
  let exchanges = 0
  let losesNext = false
  const post = async (_path: string, body: string): Promise<unknown> => {
    exchanges++
    try {
      const row = await exchangeLease(leases, caller, JSON.parse(body) as Parameters<typeof exchangeLease>[2])
      if (!losesNext) return row
    } catch (error) {
      const { message } = error as Error
      throw new BrokerError('upstream-denied', message, { details: { status: 402 } })
    }
    losesNext = false
    throw new BrokerError('unreachable', 'the answer was lost')
  }
  return {
    clock,
    leases,
    post,
    exchanges: () => exchanges,
    loseNext: () => (losesNext = true),
    async [Symbol.asyncDispose]() {
      leases.close()
      await store.close()
      folder[Symbol.dispose]()
    },
  }
}

function holderAt(
  mother: ReturnType<typeof motherWith>,
  size: string,
  clock = manualClock(),
  kept?: KeptLease,
) {
  const disk: KeptLease[] = []
  const keep = async (lease: KeptLease): Promise<void> => void disk.push(lease)
  const holder = new LeaseHolder({ mother: 'm', size: usd(size), clock, post: mother.post, kept, keep })
  return { holder, clock, disk }
}

test('requests are covered without an exchange each, and the counters only rise', async () => {
  await using mother = motherWith('100')
  const { holder, disk } = holderAt(mother, '1')
  for (let nth = 0; nth < 50; nth++) (await holder.take(usd('0.01'))).end(usd('0.004'))
  expect(mother.exchanges()).toBe(1)
  expect(holder.view()).toMatchObject({ spent: usd('0.2'), held: 0n, free: usd('0.81') })
  expect(disk.every((each, at) => at === 0 || each.granted >= (disk[at - 1]?.granted ?? 0n))).toBe(true)
})

test('callers at once get what the budget covers, and not one more', async () => {
  await using mother = motherWith('1')
  const { holder } = holderAt(mother, '0.1')
  const taken = await Promise.allSettled(Array.from({ length: 200 }, async () => holder.take(usd('0.01'))))
  expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
})

test('an answer that is lost is no second grant', async () => {
  await using mother = motherWith('100')
  const { holder } = holderAt(mother, '1')
  await holder.take(usd('0.5'))
  mother.loseNext()
  await expect(Promise.resolve(holder.take(usd('0.9')))).rejects.toMatchObject({ code: 'unreachable' })
  await holder.take(usd('0.9'))
  const [lease] = mother.leases.list()
  expect(holder.view().granted).toBe(lease?.granted)
})

test('clocks that differ by an hour, in either direction, change nothing', async () => {
  for (const skew of [-3_600_000, 3_600_000]) {
    await using mother = motherWith('100')
    const { holder, clock } = holderAt(mother, '1', manualClock(mother.clock.now() + skew))
    await holder.take(usd('0.1'))
    clock.advance(20_000)
    await holder.take(usd('0.1'))
    expect(mother.exchanges()).toBe(1)
    expect(mother.leases.list()).toHaveLength(1)
  }
})

test('a lease whose time is over at the child is renewed before it is spent, and one that ended is replaced', async () => {
  await using mother = motherWith('100')
  const { holder, clock } = holderAt(mother, '1')
  const first = await holder.take(usd('0.1'))
  clock.advance(60_000)
  mother.clock.advance(61_000)
  await turn()
  const second = await holder.take(usd('0.1'))
  expect(second.lease).not.toBe(first.lease)
  expect(mother.leases.list().map(({ id }) => id)).toEqual([second.lease])
})

test('a lease without requests goes back to the mother', async () => {
  await using mother = motherWith('100')
  const { holder, clock } = holderAt(mother, '1')
  ;(await holder.take(usd('0.1'))).end(usd('0.1'))
  clock.advance(31_000)
  await turn()
  clock.advance(31_000)
  await expect.poll(() => holder.view().free).toBe(0n)
})

test('a holder that starts again spends nothing before it has asked', async () => {
  await using mother = motherWith('100')
  const before = holderAt(mother, '1')
  await before.holder.take(usd('0.6'))
  const again = holderAt(mother, '1', manualClock(), before.disk.at(-1))
  expect(again.holder.view().free).toBe(0n)
  const share = await again.holder.take(usd('0.3'))
  expect(share.lease).toBe(before.disk.at(-1)?.id)
  expect(mother.exchanges()).toBe(2)
})
