import { usdNumber } from '../../base/money.ts'
import type { Settlement } from '../../ledger/types.ts'

/** A cost with what is known of it, in US dollars; the same members wherever the broker states what one response cost. */
export interface CostJson {
  readonly cost?: number
  /** Bounds, unless the cost is exact. Without an upper one, the cost may be any. */
  readonly cost_low?: number
  readonly cost_high?: number
  /** No price is known for all of it. */
  readonly unpriced?: true
}

type Costs = Pick<Settlement, 'cost' | 'costLow' | 'costHigh'>

export function costJson(costs: Costs): CostJson {
  const { cost } = costs
  return {
    ...(cost === undefined ? {} : { cost: usdNumber(cost) }),
    ...boundsJson(costs),
    ...(certaintyOf(costs) === 'unpriced' ? { unpriced: true } : {}),
  }
}

/** The bounds alone; empty for an exact cost. */
export function boundsJson({ costLow, costHigh }: Costs): Pick<CostJson, 'cost_low' | 'cost_high'> {
  return {
    ...(costLow === undefined ? {} : { cost_low: usdNumber(costLow) }),
    ...(costHigh === undefined ? {} : { cost_high: usdNumber(costHigh) }),
  }
}

/** `known`: exact. `bounded`: between two bounds, or an estimate. `unpriced`: at most a lower bound is known. */
export function certaintyOf({ cost, costLow, costHigh }: Costs): 'known' | 'bounded' | 'unpriced' {
  if (cost === undefined && costHigh === undefined) return 'unpriced'
  return cost !== undefined && costLow === undefined && costHigh === undefined ? 'known' : 'bounded'
}
