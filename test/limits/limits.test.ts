import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseUsd, money } from '../../src/base/money.ts'
import type { Caller } from '../../src/auth/caller.ts'
import { createLedger, type Ledger } from '../../src/ledger/ledger.ts'
import { createLimits, type Limits } from '../../src/limits/limits.ts'
import { openLimitStore, type LimitStore } from '../../src/limits/limit-store.ts'
import { limitRule } from '../../src/wire/rpc/limit-rule.ts'
import type { ManualClock } from '../store/manual-clock.ts'
import { temporaryStore, type TemporaryStore } from '../store/temporary-store.ts'
import { finished, request } from '../ledger/samples.ts'

const lab: Caller = { ip: '10.0.0.1', context: 'lab' }
const shop: Caller = { ip: '10.0.0.1', context: 'shop' }

interface Scene extends AsyncDisposable {
  readonly here: TemporaryStore
  readonly clock: ManualClock
  readonly ledger: Ledger
  readonly rules: LimitStore
  readonly limits: Limits
}

function scene(): Scene {
  const here = temporaryStore()
  const { store, clock } = here
  const ledger = createLedger({ store, now: clock.now() })
  const rules = openLimitStore(store, clock)
  return {
    here,
    clock,
    ledger,
    rules,
    limits: createLimits({ rules, ledger, clock }),
    [Symbol.asyncDispose]: () => here[Symbol.asyncDispose](),
  }
}

test('a caller without a rule has no limit', async () => {
  await using at = scene()
  expect(at.limits.admit(lab, 1e9).headers).toEqual({})
  expect(at.limits.allowance(lab)).toBeUndefined()
})

test('a stored rule that can’t be parsed refuses its callers, with its subject and the remedy', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'everybody' }, { concurrent: 5 })
  await at.rules.set({ scope: 'context', context: 'lab' }, { usd_per_day: 'ten' })
  const refused = {
    code: 'over-budget',
    message:
      'the limit of context “lab” can’t be read, so nothing may be spent: “ten” is not an amount of dollars; set it again with limits.set, or take it away with limits.remove',
  }
  expect(() => at.limits.admit(lab, 0)).toThrow(expect.objectContaining(refused))
  expect(() => at.limits.allowance(lab)).toThrow(expect.objectContaining(refused))
  at.limits.admit(shop, 0).release(0)
  await at.rules.remove({ scope: 'context', context: 'lab' })
  at.limits.admit(lab, 0).release(0)
})

test('no period of 60 seconds contains more requests than the rule allows', async () => {
  const waits = fc.array(fc.nat(40_000), { minLength: 5, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(waits, fc.integer({ min: 1, max: 5 }), async (waits, max) => {
      await using at = scene()
      await at.rules.set({ scope: 'default' }, { requests_per_minute: max })
      const admitted: number[] = []
      for (const wait of waits) {
        at.clock.advance(wait)
        try {
          at.limits.admit(lab, 0).release(0)
          admitted.push(at.clock.now())
        } catch (error) {
          expect(error).toMatchObject({ code: 'over-limit' })
        }
      }
      for (const from of admitted) {
        expect(admitted.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(max)
      }
    }),
    { numRuns: 30 },
  )
})

test('a refusal states when to retry, and the request is admitted then', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { requests_per_minute: 2 })
  at.limits.admit(lab, 0).release(0)
  at.clock.advance(20_000)
  const { headers } = at.limits.admit(lab, 0)
  expect(headers).toMatchObject({
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': '0',
  })
  const refusal = refusalOf(() => at.limits.admit(lab, 0))
  expect(refusal.details).toMatchObject({
    retryAfter: 41,
    headers: { 'x-ratelimit-remaining-requests': '0' },
  })
  at.clock.advance(41_000)
  at.limits.admit(lab, 0)
})

test('a context at its limit does not affect other contexts', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { concurrent: 1 })
  const running = at.limits.admit(lab, 0)
  expect(refusalOf(() => at.limits.admit(lab, 0)).message).toContain('context “lab” of 10.0.0.1')
  at.limits.admit(shop, 0)
  running.release(0)
  at.limits.admit(lab, 0)
})

test('expected tokens count from the start of a request, and used ones from its end', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'address', address: '10.0.0.1' }, { tokens_per_minute: 100 })
  const first = at.limits.admit(lab, 60)
  expect(() => at.limits.admit(shop, 60)).toThrow(/100 tokens a minute/)
  first.release(10)
  at.limits.admit(shop, 60).release(90)
  expect(() => at.limits.admit(lab, 1)).toThrow(/tokens a minute/)
  at.clock.advance(61_000)
  at.limits.admit(lab, 1)
})

test('a request must comply with every rule that applies, and a specific rule replaces the default', async () => {
  await using at = scene()
  const { rules, limits } = at
  await rules.set({ scope: 'everybody' }, { usd_total: '10' })
  await rules.set({ scope: 'default' }, { usd_per_day: '1', local_only: true })
  await rules.set({ scope: 'context', context: 'lab' }, { usd_per_day: '5' })
  await rules.set({ scope: 'context', context: 'lab', address: '10.0.0.9' }, { usd_per_day: '7' })
  await rules.set({ scope: 'token', token: 't1' }, { usd_per_hour: '0.5', models: ['gpt-4o'] })
  expect(limits.allowance(shop)?.remaining).toBe(parseUsd('1'))
  expect(limits.allowance(lab)?.remaining).toBe(parseUsd('5'))
  expect(limits.allowance({ ...lab, ip: '10.0.0.9' })?.remaining).toBe(parseUsd('7'))
  expect(limits.allowance({ ...lab, token: 't1' })).toMatchObject({
    remaining: parseUsd('0.5'),
    period: 'hour',
  })
  expect(limits.restrictionsFor({ ...lab, token: 't1' })).toMatchObject([
    { isLocalOnly: true },
    { models: ['gpt-4o'] },
  ])
})

test('rules survive a restart and take effect with the next request', async () => {
  await using at = scene()
  expect(at.limits.allowance(lab)).toBeUndefined()
  await at.rules.set({ scope: 'context', context: 'lab' }, { usd_total: '2' })
  expect(at.limits.allowance(lab)?.remaining).toBe(parseUsd('2'))
  const reopened = openLimitStore(await at.here.reopen(), at.clock)
  expect(reopened.list()).toEqual([
    { subject: { scope: 'context', context: 'lab' }, rule: { usd_total: '2' } },
  ])
  expect(await reopened.remove({ scope: 'context', context: 'lab' })).toBe(true)
  expect(reopened.limitsFor(lab)).toEqual([])
})

test('held and spent money reduces the allowance until the next period', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { usd_per_hour: '1' })
  const hold = await at.ledger.hold(
    request('gen-1', { caller: lab, maxCost: parseUsd('0.4'), startedAt: at.clock.now() }),
  )
  expect(at.limits.allowance(lab)?.remaining).toBe(parseUsd('0.6'))
  await at.ledger.settle(hold, finished(parseUsd('0.1')))
  expect(at.limits.budgetStatus(lab)).toMatchObject([
    { spent: parseUsd('0.1'), held: money(0n), period: 'hour' },
  ])
  at.clock.advance(3_600_000)
  expect(at.limits.allowance(lab)?.remaining).toBe(parseUsd('1'))
})

function refusalOf(run: () => unknown): { message: string; details: object } {
  try {
    run()
  } catch (error) {
    expect(error).toMatchObject({ code: 'over-limit' })
    return error as { message: string; details: object }
  }
  throw new Error('it was admitted')
}

test.each(['0.0000000001', `0.${'0'.repeat(8)}11`, '9'.repeat(101), '-1', '1e3'])(
  'a budget of %s is not a valid amount and is refused',
  (amount) => {
    for (const period of ['usd_per_hour', 'usd_per_day', 'usd_per_month', 'usd_total'])
      expect(limitRule.safeParse({ [period]: amount }).success).toBe(false)
  },
)

test('a stored rule that is no longer valid does not prevent a start', async () => {
  await using at = scene()
  const old = { usd_per_day: '0.0000000001' }
  await at.rules.set({ scope: 'default' }, old)
  expect(openLimitStore(at.here.store, at.clock).list()).toEqual([
    { subject: { scope: 'default' }, rule: old },
  ])
})
