import { expect, test } from 'vitest'
import { BrokerError } from '../../src/base/errors.ts'
import { parseUsd } from '../../src/base/money.ts'
import type { Price } from '../../src/catalog/catalog.ts'
import { maxPriceExcess } from '../../src/routing/price-and-quantization.ts'
import { parsePreferences } from '../../src/wire/openai/routing/provider-preferences.ts'

/** Dollars per million tokens, per request and per image. */
const price: Price = {
  input: parseUsd(2),
  output: parseUsd(8),
  perRequest: parseUsd('0.01'),
  audioInput: parseUsd(40),
  perImage: parseUsd('0.002'),
  source: undefined,
  date: undefined,
}

const excess = (max_price: object) => maxPriceExcess(price, parsePreferences({ max_price }).maxPrice ?? {})

test.each([
  [{ prompt: 2, completion: 8, request: 0.01, audio: 40, image: 0.002 }],
  [{ prompt: '2', completion: '8.0', request: '1e-2' }],
  [{}],
  [{ prompt: null }],
  [{ prompt: 1e308, completion: '1e20000' }],
])('a price equal to its maximum does not exceed it (%j)', (bounds) => {
  expect(excess(bounds)).toBeUndefined()
})

test.each([
  [{ prompt: 1.999999999 }, 'prompt'],
  [{ completion: '7.99' }, 'completion'],
  [{ request: 0.009 }, 'request'],
  [{ audio: 39 }, 'audio'],
  [{ image: 0.0019999999 }, 'image'],
  [{ request: '1e-20000' }, 'request'],
])('each maximum is checked separately (%j)', (bounds, what) => {
  expect(excess(bounds)).toMatch(`for ${what}, more than`)
})

test('a maximum of a million digits is refused without parsing it', () => {
  const digits = '1'.repeat(1_000_000)
  for (const prompt of [`${digits}x`, digits]) expect(() => excess({ prompt })).toThrow(BrokerError)
})

test('a price without a rate of that kind does not exceed its maximum', () => {
  const { input, output, source, date } = price
  expect(
    maxPriceExcess({ input, output, source, date }, { audio: '0', image: '0', request: '0' }),
  ).toBeUndefined()
})
