import { addMoney, parseUsd, usdText } from '../../base/money.ts'

type Amounts<F extends string> = Readonly<Record<F, number | string>>

/** The sum of two records over the fields of the first: numbers as counts, strings as exact decimal US dollars. */
export function addFields<T extends Amounts<keyof T & string>>(a: T, b: NoInfer<T>): T {
  const fields = Object.keys(a) as (keyof T & string)[]
  return Object.fromEntries(fields.map((field) => [field, add(a[field], b[field])])) as T
}

function add(a: number | string, b: number | string): number | string {
  if (typeof a === 'number') return a + Number(b)
  return usdText(addMoney(parseUsd(a), parseUsd(String(b))))
}
