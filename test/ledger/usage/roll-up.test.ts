import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import type { UsageGroup } from '../../../src/ledger/types.ts'
import { temporaryStore } from '../../store/temporary-store.ts'
import { finished, request, usage } from '../samples.ts'

const DAY_S = 86_400

interface Booked {
  readonly day: number
  readonly second: number
  readonly context: string | undefined
  readonly token: string | undefined
  readonly model: string | undefined
  readonly cost: number | undefined
  /** The upper bound of an unknown cost. */
  readonly high: number | undefined
}

const booked: fc.Arbitrary<Booked> = fc.record({
  day: fc.integer({ min: 19_000, max: 19_005 }),
  second: fc.nat(DAY_S - 1),
  context: fc.constantFrom(undefined, 'lab', 'shop'),
  token: fc.constantFrom(undefined, 'tok-1'),
  model: fc.constantFrom(undefined, 'gpt-4o', 'llama-3.3'),
  cost: fc.option(fc.nat(1000), { nil: undefined }),
  high: fc.option(fc.nat(1000), { nil: undefined }),
})

async function book(ledger: Ledger, rows: readonly Booked[], name: string): Promise<void> {
  const all = rows.map(async ({ day, second, context, token, model, cost, high }, index) => {
    const startedAt = (day * DAY_S + second) * 1000
    const caller = { ip: 'local', context, token }
    const hold = await ledger.hold(request(`${name}-${index}`, { caller, startedAt, requestedModel: 'auto' }))
    const counts = usage({ prompt: 10, cachedPrompt: 4, completion: 5, reasoning: 3 })
    await ledger.settle(
      hold,
      finished(cost === undefined ? undefined : money(BigInt(cost)), {
        usage: counts,
        model,
        costHigh: cost === undefined && high !== undefined ? money(BigInt(high)) : undefined,
      }),
    )
  })
  await Promise.all(all)
}

const EVERY_SPLIT = ['day', 'context', 'token', 'model', 'ip'] as const

test('totals are the same before and after old rows are deleted, however they are split', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(booked, { maxLength: 30 }),
      fc.array(booked, { maxLength: 10 }),
      fc.integer({ min: 19_000, max: 19_006 }),
      async (early, late, beforeDay) => {
        await using here = temporaryStore()
        const ledger = createLedger({ store: here.store })
        await book(ledger, early, 'early')
        // Half of them are corrected later: the differences are rows of their own, of the same days.
        const price = { input: money(3_000_000n), output: money(0n), source: undefined, date: undefined }
        const until = 19_003 * DAY_S
        await ledger.reprice({ priceOf: () => price, priceVersion: 'v2', until, now: until * 1000 })
        const whole = await ledger.groups({}, EVERY_SPLIT)
        const singly = await Promise.all(EVERY_SPLIT.map((split) => ledger.groups({}, [split])))
        await ledger.clear(beforeDay)
        expect(unordered(await ledger.groups({}, EVERY_SPLIT))).toEqual(unordered(whole))
        const cleared = await Promise.all(EVERY_SPLIT.map((split) => ledger.groups({}, [split])))
        expect(cleared.map(unordered)).toEqual(singly.map(unordered))
        await book(ledger, late, 'late')
        const corrected = new Set(early.filter(({ day }) => day < 19_003))
        const all = [...early, ...late]
        for (const [from, to] of [
          [19_000, 19_006],
          [19_001, 19_004],
          [19_003, 19_003],
        ] as const) {
          const own = all.filter(({ day }) => day >= from && day < to)
          const totals = await ledger.summary({ since: from * DAY_S, until: to * DAY_S })
          expect(totals).toMatchObject({
            requests: own.length,
            cachedTokens: own.length * 4,
            reasoningTokens: own.length * 3,
            // Ten tokens at three nano-dollars each.
            cost: BigInt(own.reduce((sum, row) => sum + (corrected.has(row) ? 30 : (row.cost ?? 0)), 0)),
            uncertain: BigInt(
              own.reduce(
                (sum, row) => sum + (corrected.has(row) || row.cost !== undefined ? 0 : (row.high ?? 0)),
                0,
              ),
            ),
            unpriced: own.filter(
              (row) => !corrected.has(row) && row.cost === undefined && row.high === undefined,
            ).length,
          })
        }
        const spent = ledger.balance({ ip: 'local', context: 'lab' }).spent
        const reopened = createLedger({ store: await here.reopen() })
        expect(reopened.balance({ ip: 'local', context: 'lab' }).spent).toBe(spent)
        expect(await reopened.verify()).not.toHaveProperty('broken')
      },
    ),
    { numRuns: 15 },
  )
})

function unordered(groups: readonly UsageGroup[]): UsageGroup[] {
  return groups.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

function nameOf(group: UsageGroup): string {
  return EVERY_SPLIT.map((name) => group[name]).join(' ')
}

test('rows before the day are deleted, but the newest row stays whatever its age', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const anonymous = { context: undefined, token: undefined, model: undefined, high: undefined }
  const rows = [19_000, 19_001, 19_002].map((day) => ({ ...anonymous, day, second: 5, cost: 1 }))
  await book(ledger, rows, 'gen')
  expect(await ledger.clear(19_002)).toBe(2)
  expect(await ledger.clear(19_010)).toBe(0)
  expect([...ledger.entries({})]).toHaveLength(1)
  expect((await ledger.summary()).requests).toBe(3)
})

test('balances of the hour, the day and the month are loaded again after a restart', async () => {
  await using here = temporaryStore()
  const now = Date.UTC(2026, 4, 20, 10, 30)
  const hours = (count: number): number => count * 3_600_000
  const ledger = createLedger({ store: here.store, now })
  for (const [id, startedAt] of Object.entries({
    hour: now - 60_000,
    day: now - hours(3),
    month: now - hours(24 * 10),
    before: now - hours(24 * 40),
  })) {
    await ledger.settle(await ledger.hold(request(id, { startedAt })), finished(money(1n)))
  }
  const reopened = createLedger({ store: await here.reopen(), now })
  const spent = (['hour', 'day', 'month', 'total'] as const).map(
    (period) => reopened.balanceIn('10.0.0.1', period, now).spent,
  )
  expect(spent).toEqual([1n, 2n, 3n, 4n])
  expect(reopened.balanceIn('10.0.0.1', 'hour', now + hours(1)).spent).toBe(0n)
})
