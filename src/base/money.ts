import { truncate } from './text.ts'

declare const nanoDollars: unique symbol

/** An amount in integer nano-dollars (10⁻⁹ USD). */
export type Money = bigint & { readonly [nanoDollars]: true }

/** No money at all; known to be free. */
export const ZERO = 0n as Money

const NANO_DIGITS = 9
/** No amount is longer, and the time to parse one grows with the square of its length. */
const MAX_LENGTH = 100

/** Mints money from a count of nano-dollars. */
export function money(nano: bigint): Money {
  return nano as Money
}

/**
 * Parses US dollars from a decimal (`2.5`, `"0.00000015"`, `1e-7`) exactly: digits beyond a nano-dollar are refused,
 * so that no price is rounded when it is read. Throws `RangeError`.
 */
export function parseUsd(decimal: string | number): Money {
  const text = String(decimal).trim()
  if (text.length > MAX_LENGTH) throw new RangeError(`“${truncate(text)}” is not a sane amount of dollars`)
  const match = /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text)
  const digits = match === null ? '' : `${match[2]}${match[3]}`
  if (match === null || digits === '') throw new RangeError(`“${text}” is not an amount of dollars`)
  const shift = NANO_DIGITS - (match[3] ?? '').length + Number(match[4] ?? 0)
  if (Math.abs(shift) > 40) throw new RangeError(`“${text}” is not a sane amount of dollars`)
  const value = BigInt(digits)
  const scale = 10n ** BigInt(Math.abs(shift))
  if (shift < 0 && value % scale !== 0n) throw new RangeError(`“${text}” is finer than a nano-dollar`)
  const nano = shift < 0 ? value / scale : value * scale
  return money(match[1] === '-' ? -nano : nano)
}

/** Rounds an amount that came as a JSON number (a binary fraction) to the nearest nano-dollar. */
export function roundUsd(usd: number): Money {
  return money(BigInt(Math.round(usd * 1e9)))
}

export function addMoney(a: Money, b: Money): Money {
  return money(a + b)
}

/** US dollars as an exact decimal string: `"0.0000039"`, no exponent, no trailing zeros. */
export function usdText(amount: Money): string {
  const sign = amount < 0n ? '-' : ''
  const digits = String(amount)
    .slice(sign.length)
    .padStart(NANO_DIGITS + 1, '0')
  const whole = digits.slice(0, -NANO_DIGITS)
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, '')
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** US dollars as a JSON number, for fields that require one (OpenRouter's `usage.cost`); exact to 15 digits. */
export function usdNumber(amount: Money): number {
  const nano = Number(amount)
  // The quotient of two exact numbers is rounded once, so it equals the number that the decimal text parses to.
  return Number.isSafeInteger(nano) ? nano / 1e9 : Number(usdText(amount))
}
