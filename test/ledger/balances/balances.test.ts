import fc from 'fast-check'
import { expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { addressAccount } from '../../../src/auth/accounts.ts'
import { Balances } from '../../../src/ledger/balances/balances.ts'
import { DAY_MS, periodIndex, PERIODS } from '../../../src/ledger/balances/periods.ts'

const NOW = Date.UTC(2026, 10, 21, 13, 5)
const caller = { ip: '10.0.0.7', context: undefined }
const changes = fc.array(
  fc.record({
    // Most within an hour or two, some days and months apart, in any order.
    agoMs: fc.oneof(fc.nat({ max: 7_200_000 }), fc.nat({ max: 70 * DAY_MS })),
    spent: fc.bigInt({ min: 0n, max: 10n ** 12n }),
    held: fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
  }),
)
const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n)

test('the balance of every running period contains what started in it, in whatever order it was booked', () => {
  fc.assert(
    fc.property(changes, (booked) => {
      const balances = new Balances()
      for (const { agoMs, spent, held } of booked)
        balances.add(caller, NOW - agoMs, { spent: money(spent), held: money(held) })
      const latest = Math.max(...booked.map(({ agoMs }) => NOW - agoMs))
      for (const period of PERIODS) {
        const within = booked.filter(
          ({ agoMs }) => periodIndex(period, NOW - agoMs) === periodIndex(period, latest),
        )
        expect([period, balances.in(addressAccount(caller.ip), period, latest)]).toEqual([
          period,
          { spent: sumOf(within.map(({ spent }) => spent)), held: sumOf(within.map(({ held }) => held)) },
        ])
      }
    }),
  )
})

test('loaded sums count in their period and in the longer ones around it once', () => {
  const balances = new Balances()
  const sums = { total: 1000n, month: 400n, day: 30n, hour: 2n } as const
  for (const period of ['total', 'month', 'day', 'hour'] as const)
    balances.load(period, caller, NOW, money(sums[period]))
  for (const period of PERIODS)
    expect(balances.in(addressAccount(caller.ip), period, NOW).spent).toBe(sums[period])
})

test('a period without bookings has a zero balance, the longer ones around it do not', () => {
  const balances = new Balances()
  balances.add(caller, NOW, { spent: money(5n) })
  const spentAt = (period: 'hour' | 'day', ms: number) =>
    balances.in(addressAccount(caller.ip), period, ms).spent
  expect([spentAt('hour', NOW + 3_600_000), spentAt('day', NOW + 3_600_000)]).toEqual([0n, 5n])
})
