import { expect, test } from 'vitest'
import { backoffMs, withJitter } from '../../src/base/backoff.ts'

test('a backoff doubles from its first wait up to its maximum', () => {
  const waits = [0, 1, 2, 3, 4, 50].map((failures) => backoffMs({ firstMs: 500, maxMs: 3000 }, failures))
  expect(waits).toEqual([0, 500, 1000, 2000, 3000, 3000])
})

test('jitter spreads a wait evenly to both sides', () => {
  expect([0, 0.5, 0.999].map((random) => Math.round(withJitter(1000, 0.25, () => random)))).toEqual([
    750, 1000, 1250,
  ])
})
