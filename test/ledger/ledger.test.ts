import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { money, ZERO, type Money } from '../../src/base/money.ts'
import { addressAccount } from '../../src/auth/accounts.ts'
import { createLedger, type Ledger } from '../../src/ledger/ledger.ts'
import type { Hold } from '../../src/ledger/types.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { finished, request, usage } from './samples.ts'

test('a settled hold becomes one entry with all details', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const caller = { ip: 'fc00::1', context: 'lab' }
  const wanted = request('gen-1', { caller, streamed: true, referer: 'https://example.org' })
  const hold = await ledger.hold(wanted)
  expect(ledger.openHolds()).toEqual([hold])
  const settlement = finished(money(900n), {
    attempts: [{ endpoint: 'groq/gpt-4o', code: 'upstream-busy', status: 429, ms: 20 }],
    usage: usage({ prompt: 9, completion: 8, cachedPrompt: 7, reasoning: 6, soundMs: 5 }),
    costSource: 'price',
  })
  await ledger.settle(hold, settlement)
  expect(ledger.openHolds()).toEqual([])
  const { maxCost: _maxCost, ...identity } = wanted
  const expected = {
    ...identity,
    ...settlement,
    attemptCount: 2,
    uncertain: 0n,
    firstTokenMs: 12,
    durationMs: 346,
  }
  expect(ledger.find('gen-1')).toEqual(expected)
  expect([...ledger.entries({ limit: 9 })]).toEqual([expected])
})

test('settling a hold twice rejects, at once and later, and changes nothing', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const hold = await ledger.hold(request('gen-1'))
  const [first, second] = await Promise.allSettled([
    ledger.settle(hold, finished(money(1n))),
    ledger.settle(hold, finished(money(2n))),
  ])
  expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
  await expect(ledger.settle(hold, finished(money(3n)))).rejects.toThrow(/settled before/)
  expect([...ledger.entries({ limit: 9 })].map((entry) => entry.cost)).toEqual([1n])
})

test('a hold that cannot be settled is reported to the ledger’s owner and recorded at the next start', async () => {
  await using here = temporaryStore()
  const lost: string[] = []
  const onUnsettled = ({ id }: Hold, error: unknown) => lost.push(`${id}: ${(error as Error).message}`)
  const ledger = createLedger({ store: here.store, onUnsettled })
  const hold = await ledger.hold(request('gen-1', { maxCost: money(9n) }))
  here.store.prepare('ALTER TABLE request_logs RENAME TO elsewhere').run()
  await expect(ledger.settle(hold, finished(money(1n)))).rejects.toThrow(/no such table/)
  expect(lost).toEqual(['gen-1: no such table: request_logs'])
  here.store.prepare('ALTER TABLE elsewhere RENAME TO request_logs').run()
  const reopened = createLedger({ store: await here.crash() })
  await reopened.recover()
  expect(reopened.find('gen-1')).toMatchObject({ status: 'interrupted', costLow: 0n, costHigh: 9n })
})

test('an unpriced response counts as unpriced, not as free', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.settle(await ledger.hold(request('gen-1', { maxCost: undefined })), finished(undefined))
  expect(await ledger.summary()).toMatchObject({ requests: 1, cost: 0n, unpriced: 1, totalTokens: 15 })
  expect(ledger.find('gen-1')?.cost).toBeUndefined()
})

test('after a crash an open hold of zero costs nothing, and any other one is between nothing and all that was held', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.hold(request('free', { maxCost: ZERO }))
  await ledger.hold(request('dear', { maxCost: money(9n) }))
  await ledger.hold(request('unknown', { maxCost: undefined }))
  const reopened = createLedger({ store: await here.crash() })
  await reopened.recover()
  expect(reopened.find('free')).toMatchObject({ status: 'interrupted', cost: 0n, countSource: 'none' })
  expect(reopened.find('dear')).toMatchObject({ cost: undefined, costLow: 0n, costHigh: 9n })
  expect(await reopened.summary()).toMatchObject({ requests: 3, cost: 0n, uncertain: 9n, unpriced: 1 })
  expect(reopened.needsReview(0)).toEqual({
    unpriced: { count: 1, newest: 'unknown' },
    disputed: { count: 0, newest: undefined },
  })
})

test('a hold can be increased: it counts at once, survives a crash, and is released whole', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const hold = await ledger.hold(request('gen-1', { maxCost: money(10n) }))
  const raising = ledger.increaseHold(hold, money(25n))
  expect(ledger.balance(hold.caller).held).toBe(25n)
  const raised = await raising
  expect(ledger.openHolds()).toEqual([raised])
  const reopened = createLedger({ store: await here.crash() })
  expect(reopened.openHolds()).toEqual([raised])
  await reopened.settle(raised, finished(money(3n)))
  expect(reopened.balance(hold.caller)).toEqual({ spent: 3n, held: 0n })
})

test('an entry can never be changed', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.settle(await ledger.hold(request('gen-1')), finished(money(1n)))
  const update = here.store.prepare('UPDATE request_logs SET cost_nano = 0')
  await expect(here.store.write(() => update.run())).rejects.toThrow('entries never change')
})

test('with a full disk holds are rejected while settlements wait for space, and none is lost or doubled', async () => {
  await using here = temporaryStore()
  const { store, clock } = here
  const ledger = createLedger({ store })
  const hold = await ledger.hold(request('gen-1'))
  const pages = store.prepare('PRAGMA page_count').get()?.['page_count']
  store.prepare(`PRAGMA max_page_count = ${String(pages)}`).get()
  const settled = ledger.settle(hold, finished(money(5n), { error: 'x'.repeat(100_000) }))
  await ledger.whenWritten()
  const refused = ledger.hold(request('gen-2'))
  await expect(refused).rejects.toMatchObject({ code: 'store-full' })
  expect(ledger.balance(hold.caller)).toEqual({ spent: 5n, held: 0n })
  store.prepare('PRAGMA max_page_count = 100000').get()
  clock.advance(1000)
  await settled
  expect([...ledger.entries({ limit: 9 })].map((entry) => entry.id)).toEqual(['gen-1'])
  expect(ledger.balance(hold.caller)).toEqual({ spent: 5n, held: 0n })
})

const payers = [
  { ip: '10.0.0.1', context: undefined },
  { ip: '10.0.0.1', context: 'lab' },
  { ip: 'local', context: 'lab' },
]
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('hold' as const), payer: fc.nat(2), maxCost: fc.nat(999) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(99), cost: fc.nat(999) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('raise' as const), which: fc.nat(99), more: fc.nat(999) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  // The files as they are at this moment, with a write-ahead log that was not closed.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
)

test('the balance is entries less holds, after any order of hold, increase, settle, release, restart and crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await using here = temporaryStore()
      let ledger = createLedger({ store: here.store })
      let open: Hold[] = []
      for (const [index, step] of steps.entries()) {
        if (step.do === 'hold') {
          const maxCost = step.maxCost === 0 ? undefined : money(BigInt(step.maxCost))
          const caller = payers[step.payer] ?? { ip: 'local', context: undefined }
          open.push(await ledger.hold(request(`gen-${index}`, { caller, maxCost })))
        } else if (step.do === 'settle') {
          const [hold] = open.splice(step.which % (open.length || 1), 1)
          const cost = step.cost === 0 ? undefined : money(BigInt(step.cost))
          if (hold !== undefined) await ledger.settle(hold, finished(cost))
        } else if (step.do === 'raise') {
          const at = step.which % (open.length || 1)
          const hold = open[at]
          if (hold !== undefined)
            open[at] = await ledger.increaseHold(hold, money((hold.maxCost ?? ZERO) + BigInt(step.more)))
        } else if (step.do === 'release') {
          const [hold] = open.splice(step.which % (open.length || 1), 1)
          if (hold !== undefined) await ledger.settle(hold, refused)
        } else {
          ledger = createLedger({ store: await (step.do === 'crash' ? here.crash() : here.reopen()) })
          await expectRecovery(ledger, open)
          open = []
        }
        expectBalanced(ledger)
      }
      expect([...ledger.entries({ limit: Infinity })]).toHaveLength(
        steps.filter((step) => step.do === 'hold').length - open.length,
      )
    }),
    { numRuns: 40 },
  )
})

/** Nothing was sent upstream: what was held is free again. */
const refused = finished(ZERO, {
  status: 'failed',
  endpoint: undefined,
  provider: undefined,
  usage: undefined,
})

async function expectRecovery(ledger: Ledger, open: readonly Hold[]): Promise<void> {
  expect(ledger.openHolds().map(heldIn)).toEqual(open.map(heldIn))
  expect(await ledger.recover()).toBe(open.length)
  expect(ledger.openHolds()).toEqual([])
}

function heldIn({ id, caller, maxCost, rowid }: Hold): object {
  return { id, caller, maxCost, rowid }
}

function expectBalanced(ledger: Ledger): void {
  const entries = [...ledger.entries({ limit: Infinity })]
  for (const payer of payers) {
    const isTheirs = ({ caller }: { caller: { ip: string; context: string | undefined } }): boolean =>
      caller.ip === payer.ip && caller.context === payer.context
    expect(ledger.balance(payer)).toEqual({
      spent: sum(entries.filter(isTheirs).map((entry) => entry.cost ?? entry.costHigh)),
      held: sum(
        ledger
          .openHolds()
          .filter(isTheirs)
          .map((hold) => hold.maxCost),
      ),
    })
  }
}

function sum(amounts: readonly (Money | undefined)[]): bigint {
  return amounts.reduce<bigint>((total, amount) => total + (amount ?? ZERO), 0n)
}

test('rows of one group are found together, and a row without a group is in none', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  for (const [id, group] of [
    ['gen-1', 'gen-1'],
    ['gen-2', 'gen-1'],
    ['gen-3', undefined],
  ] as const)
    await ledger.settle(await ledger.hold(request(id, { group })), finished(money(1n)))
  await ledger.whenWritten()
  const grouped = here.store.prepare('SELECT id FROM request_logs WHERE group_id = ? ORDER BY id')
  expect(grouped.all('gen-1').map(({ id }) => id)).toEqual(['gen-1', 'gen-2'])
  expect(here.store.prepare('SELECT count(*) AS n FROM request_groups').get()).toEqual({ n: 2n })
})

test('a hold of a group that a crash interrupted keeps its group, and so does its entry', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await ledger.hold(request('gen-2', { group: 'gen-1' }))
  const reopened = createLedger({ store: await here.reopen() })
  await reopened.recover()
  expect(reopened.find('gen-2')).toMatchObject({ status: 'interrupted', group: 'gen-1' })
})

test('the column `attempts` counts all attempts: the failed ones and the one that responded', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const failed = { endpoint: 'groq/gpt-4o', code: 'upstream-busy', status: 429, ms: 20 }
  const none = { endpoint: undefined, provider: undefined }
  for (const [id, changes] of Object.entries({
    once: {},
    second: { attempts: [failed] },
    never: { attempts: [failed, failed], ...none },
    handedOn: { attempts: [failed, failed], attemptCount: 2 },
  }))
    await ledger.settle(await ledger.hold(request(id)), finished(money(1n), changes))
  await ledger.whenWritten()
  const rows = here.store.prepare('SELECT id, attempts FROM request_logs ORDER BY seq').all()
  expect(rows.map(({ id, attempts }) => [id, Number(attempts)])).toEqual([
    ['once', 1],
    ['second', 2],
    ['never', 2],
    ['handedOn', 2],
  ])
})

test('after the clock has gone back, the balance of a period contains what was spent and is held in it', async () => {
  await using here = temporaryStore()
  const today = Date.UTC(2026, 10, 21, 23, 59, 58)
  const tomorrow = today + 5000
  const ledger = createLedger({ store: here.store, now: today })
  const account = addressAccount('10.0.0.1')
  const spend = async (id: string, startedAt: number, cost: bigint) =>
    ledger.settle(await ledger.hold(request(id, { startedAt })), finished(money(cost)))
  await spend('today', today, 50n)
  await spend('tomorrow', tomorrow, 7n)
  expect(ledger.balanceIn(account, 'day', tomorrow)).toEqual({ spent: 7n, held: 0n })

  const open = await ledger.hold(request('open', { startedAt: tomorrow, maxCost: money(100n) }))
  const second = ledger.hold(request('second', { startedAt: today, maxCost: money(20n) }))
  for (const period of ['hour', 'day', 'total'] as const)
    expect([period, ledger.balanceIn(account, period, today)]).toEqual([period, { spent: 57n, held: 120n }])
  void ledger.settle(open, finished(money(3n)))
  expect(ledger.balanceIn(account, 'day', today)).toEqual({ spent: 60n, held: 20n })
  await ledger.settle(await second, finished(money(1n)))
  await spend('again', today + 1000, 2n)
  expect(ledger.balanceIn(account, 'day', today + 1000)).toEqual({ spent: 63n, held: 0n })
})

test('a hold from before the clock went back is released in the period in which it was counted', async () => {
  await using here = temporaryStore()
  const eleven = Date.UTC(2026, 10, 21, 11)
  const ledger = createLedger({ store: here.store, now: eleven })
  const inHour = (now: number) => ledger.balanceIn(addressAccount('10.0.0.1'), 'hour', now)
  const [settled, raised] = await Promise.all(
    ['settled', 'raised'].map((id) =>
      ledger.hold(request(id, { startedAt: eleven + 500, maxCost: money(5n) })),
    ),
  )
  if (settled === undefined || raised === undefined) throw new Error('both are held')
  expect(inHour(eleven - 400)).toEqual({ spent: 0n, held: 10n })
  await ledger.settle(settled, finished(money(1n)))
  const more = await ledger.increaseHold(raised, money(9n))
  expect(inHour(eleven - 300)).toEqual({ spent: 1n, held: 9n })
  await ledger.settle(more, finished(money(2n)))
  await ledger.settle(await ledger.hold(request('next', { startedAt: eleven + 1000 })), finished(money(4n)))
  expect(inHour(eleven + 1000).held).toBe(0n)
})
