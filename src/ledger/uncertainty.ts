import { money, ZERO, type Money } from '../base/money.ts'
import type { Settlement } from './types.ts'

type Costs = Pick<Settlement, 'cost' | 'costLow' | 'costHigh'>

/**
 * What a request counts against budgets: its cost, and where that is uncertain the upper bound until it is known better. Where
 * no upper bound is known, at least what is.
 */
export function spentOf({ cost, costLow, costHigh }: Costs): Money {
  return greatest(cost ?? ZERO, greatest(costLow ?? ZERO, costHigh ?? ZERO))
}

/** The part of `spentOf` that is not in the cost. */
export function uncertainOf(costs: Costs): Money {
  const { cost, costLow, costHigh } = costs
  if (cost !== undefined && costLow === undefined && costHigh === undefined) return ZERO
  return money(spentOf(costs) - (cost ?? ZERO))
}

function greatest(a: Money, b: Money): Money {
  return a > b ? a : b
}
