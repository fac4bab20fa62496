import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BrokerError } from '../../src/base/errors.ts'
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

const response =
  (maxTokens: number, cappableChoices = 0) =>
  () => ({ maxTokens, cappableChoices })

test('a request counts with the response that it may have, and gives back what it did not use', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { tokens_per_minute: 1000 })
  const running = Array.from({ length: 4 }, () => at.limits.admit(lab, 10, response(200)))
  const refusal = refusalOf(() => at.limits.admit(lab, 10, response(200)))
  // Running requests give back what they don't use, so that a retry makes sense at once.
  expect(refusal).toMatchObject({ code: 'over-limit', details: { retryAfter: 1 } })
  for (const each of running) each.release(60)
  expect(refusalOf(() => at.limits.admit(lab, 10, response(800))).details.retryAfter).toBe(61)
  at.limits.admit(lab, 10, response(700)).release(undefined)
  expect(refusalOf(() => at.limits.admit(lab, 10, response(100))).code).toBe('over-limit')
})

test('a request that alone may use more tokens than the limit is refused, with what to do', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { tokens_per_minute: 1000 })
  const refusal = refusalOf(() => at.limits.admit(lab, 10, response(991)))
  expect(refusal.message).toContain('this request alone may use 1001')
  expect(refusal.message).toContain('fewer max_tokens')
  expect(refusal.details.retryAfter).toBeUndefined()
})

test('a response without a maximum is capped at what a limit has left, which is at least half of it', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { tokens_per_minute: 1000 })
  const first = at.limits.admit(lab, 10, response(128_000, 1))
  expect(first.maxTokens).toBe(990)
  expect(refusalOf(() => at.limits.admit(lab, 10, response(128_000, 1))).details.retryAfter).toBe(1)
  first.release(300)
  const second = at.limits.admit(lab, 10, response(128_000, 1))
  expect(second.maxTokens).toBe(690)
  second.release(300)
  expect(refusalOf(() => at.limits.admit(lab, 10, response(128_000, 1))).details.retryAfter).toBe(61)
  expect(refusalOf(() => at.limits.admit(lab, 1001, response(128_000, 1))).message).toContain('alone may use')
})

test('responses without a maximum share a large limit, and one that is short enough is not capped', async () => {
  await using at = scene()
  await at.rules.set({ scope: 'default' }, { tokens_per_minute: 100_000 })
  const caps: (number | undefined)[] = []
  for (let nth = 0; nth < 30; nth++) {
    try {
      caps.push(at.limits.admit(lab, 100, response(16_384, 1)).maxTokens)
    } catch (error) {
      expect(error).toMatchObject({ code: 'over-limit', details: { retryAfter: 1 } })
    }
  }
  expect(caps.slice(0, 3)).toEqual([undefined, undefined, undefined])
  expect(caps.length).toBeGreaterThan(8)
  expect(caps.slice(4).every((cap = 0) => cap >= 4096)).toBe(true)
  expect(caps.reduce<number>((sum, cap = 16_384) => sum + cap + 100, 0)).toBeLessThanOrEqual(100_000)
})

test('whatever responses requests may have, no minute has more tokens than the limit', async () => {
  const requests = fc.array(
    fc.record({
      wait: fc.nat(20_000),
      prompt: fc.integer({ min: 0, max: 300 }),
      maxTokens: fc.integer({ min: 0, max: 2000 }),
      choices: fc.integer({ min: 0, max: 3 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      runs: fc.nat(5),
    }),
    { minLength: 5, maxLength: 60 },
  )
  await fc.assert(
    fc.asyncProperty(requests, async (all) => {
      await using at = scene()
      await at.rules.set({ scope: 'default' }, { tokens_per_minute: 1000 })
      const used: { readonly at: number; readonly tokens: number }[] = []
      const running: (() => void)[] = []
      for (const { wait, prompt, maxTokens, choices, share, runs } of all) {
        at.clock.advance(wait)
        try {
          const admission = at.limits.admit(lab, prompt, response(maxTokens, choices))
          const tokens = prompt + Math.floor((admission.maxTokens ?? maxTokens) * share)
          running.push(() => {
            used.push({ at: at.clock.now(), tokens })
            admission.release(tokens)
          })
        } catch (error) {
          expect(error).toMatchObject({ code: 'over-limit' })
        }
        while (running.length > runs) running.shift()?.()
      }
      for (const { at: from } of used) {
        const minute = used.filter((each) => each.at >= from && each.at < from + 60_000)
        expect(minute.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(1000)
      }
    }),
    { numRuns: 50 },
  )
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

function refusalOf(run: () => unknown): BrokerError {
  try {
    run()
  } catch (error) {
    expect(error).toMatchObject({ code: 'over-limit' })
    return error as BrokerError
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
