import { parseUsd, usdNumber, money, ZERO } from '../../base/money.ts'

/** Returns a function that converts credits to dollars by the operator's price of a credit; `undefined` without a price. */
export function creditPrice(
  env: Readonly<Record<string, string | undefined>>,
  variable: string,
): (credits: number | undefined) => number | undefined {
  const text = env[variable] ?? ''
  if (text === '') return () => undefined
  const price = parseUsd(text)
  return (credits) => {
    if (credits === undefined || !Number.isFinite(credits)) return undefined
    return usdNumber(money((price * BigInt(Math.round(credits * 1000))) / 1000n))
  }
}

/** The sum of dollar amounts, to the nano-dollar; `undefined` if none of them is known. */
export function sumUsd(costs: readonly (number | undefined)[]): number | undefined {
  const known = costs.filter((cost) => cost !== undefined)
  if (known.length === 0) return undefined
  return usdNumber(known.reduce((sum, cost) => money(sum + parseUsd(cost.toFixed(9))), ZERO))
}
