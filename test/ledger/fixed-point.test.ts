import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { money } from '../../src/base/money.ts'
import { plus, rounded, times } from '../../src/ledger/fixed-point.ts'

const count = fc.oneof(fc.nat(), fc.integer({ min: 1, max: 3_000_000 }))
const rate = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 11n }),
  // Around the largest safe integer.
  fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
  fc.bigInt({ min: 0n, max: 2n ** 80n }),
)
const terms = fc.array(fc.tuple(count, rate), { minLength: 1, maxLength: 6 })

test('a sum of counts times rates equals the sum of bigints, however large', () => {
  fc.assert(
    fc.property(terms, (all) => {
      const exact = all.reduce((sum, [count, rate]) => sum + BigInt(count) * rate, 0n)
      const ours = all.map(([count, rate]) => times(count, money(rate))).reduce(plus)
      expect(BigInt(ours)).toBe(exact)
      expect(rounded(ours)).toBe((exact + 500_000n) / 1_000_000n)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  [499_999, 0n],
  [500_000, 1n],
  [Number.MAX_SAFE_INTEGER, (2n ** 53n - 1n + 500_000n) / 1_000_000n],
])('%d millionths of a nano-dollar are rounded to %d', (exact, nano) => {
  expect(rounded(exact)).toBe(nano)
  expect(rounded(BigInt(exact))).toBe(nano)
})
