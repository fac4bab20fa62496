import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseUsd, usdText, money } from '../../src/base/money.ts'

describe('an amount in dollars', () => {
  test.each([
    ['2.5', 2_500_000_000n],
    ['0.00000015', 150n],
    ['1e-7', 100n],
    ['1.5E3', 1_500_000_000_000n],
    ['.5', 500_000_000n],
    ['-0.000000001', -1n],
    [0.1, 100_000_000n],
  ])('reads %s exactly', (decimal, nano) => {
    expect(parseUsd(decimal)).toBe(nano)
  })

  test.each(['', '.', 'abc', '1,5', '0x10', '1e99999', 'NaN', 'Infinity'])('of “%s” is refused', (text) => {
    expect(() => parseUsd(text)).toThrow(RangeError)
  })

  test('of a million digits is refused without parsing it', () => {
    for (const text of ['1'.repeat(1_000_000), `${'1'.repeat(1_000_000)}x`])
      expect(() => parseUsd(text)).toThrow(/not a sane amount/)
  })

  test('that is finer than a nano-dollar is refused instead of rounded', () => {
    expect(() => parseUsd('0.0000000001')).toThrow(/finer/)
  })

  test('is formatted so that parsing gives the same amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), (nano) => {
        expect(parseUsd(usdText(money(nano)))).toBe(nano)
      }),
    )
  })
})
