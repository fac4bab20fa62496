import { isScalar } from 'yaml'

import { dollars } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'
import { complain, kindOf, resolved, shown } from './yaml-page.ts'
import type { Form, Spot } from './yaml-page.ts'

export const text: Form<string> = (spot) => {
  const value = scalarValue(spot)
  if (typeof value === 'string' && value.trim() !== '') return value
  if (typeof value === 'number')
    return complain(spot, `is a number, should be text: put it into quotes, "${value}"`)
  return complain(spot, `is ${kindOf(spot.node)}, should be text`)
}

/** Text that passes a check; the check returns what is wrong. */
export function textThat(check: (value: string) => string | undefined): Form<string> {
  return (spot) => {
    const value = text(spot)
    const wrong = value === undefined ? undefined : check(value)
    return wrong === undefined ? value : complain(spot, wrong)
  }
}

export function oneOf<const T extends string>(choices: readonly T[]): Form<T> {
  return (spot) => {
    const value = scalarValue(spot)
    const choice = choices.find((known) => known === value)
    return choice ?? complain(spot, `${shown(value)} is not known here; write ${choices.join(' or ')}`)
  }
}

export const flag: Form<boolean> = (spot) => {
  const value = scalarValue(spot)
  return typeof value === 'boolean' ? value : complain(spot, `${shown(value)} is neither true nor false`)
}

export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): Form<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return (spot) => {
    const value = scalarValue(spot)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
      return value
    return complain(
      spot,
      `${shown(value)} should be a whole number ${range}, such as ${Math.max(least, 128)}`,
    )
  }
}

/** US dollars, exactly as the digits in the file say. */
export function usd(per: string): Form<Money> {
  return (spot) => {
    const node = resolved(spot)
    const value = scalarValue(spot)
    const digits = isScalar(node) && typeof value === 'number' ? (node.source ?? String(value)) : value
    try {
      const amount = typeof digits === 'string' ? dollars(digits) : undefined
      if (amount !== undefined && amount >= 0n) return amount
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
    return complain(
      spot,
      `${shown(digits)} should be US dollars per ${per}, such as 2.5, with at most 9 decimals`,
    )
  }
}

/** A number, a text or a yes/no, as it is. */
export const plainValue: Form<string | number | boolean> = (spot) => {
  const value = scalarValue(spot)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return complain(spot, `is ${kindOf(spot.node)}, should be a text, a number, true or false`)
}

function scalarValue(spot: Spot): unknown {
  const node = resolved(spot)
  return isScalar(node) ? node.value : undefined
}
