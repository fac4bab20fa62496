import { money, type Money } from '../base/money.ts'

/**
 * A whole number of millionths of a nano-dollar, the unit in which tokens × rate per million is exact: a `number` while it is
 * a safe integer, which is up to nine dollars, and a `bigint` beyond. Bigints alone take 0.9 µs of a request, this type 0.4.
 */
export type Exact = number | bigint

const PER_NANO = 1_000_000

/** A count times a rate, exactly. @param rate per million. */
export function times(count: number, rate: Money): Exact {
  const product = count * Number(rate)
  return Number.isSafeInteger(product) ? product : BigInt(count) * rate
}

/** The exact sum of two amounts. */
export function plus(a: Exact, b: Exact): Exact {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return BigInt(a) + BigInt(b)
}

/** The amount in nano-dollars, rounded half up. */
export function rounded(exact: Exact): Money {
  if (typeof exact === 'bigint') return money((exact + BigInt(PER_NANO / 2)) / BigInt(PER_NANO))
  const rest = exact % PER_NANO
  return money(BigInt((exact - rest) / PER_NANO + (rest >= PER_NANO / 2 ? 1 : 0)))
}
