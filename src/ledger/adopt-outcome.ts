import { money, ZERO, type Money } from '../base/money.ts'
import { correctionTo, type Correction } from './reprice.ts'
import type { Entry } from './types.ts'
import { spentOf } from './uncertainty.ts'

/** What a request cost by the word of whoever charges for it. */
export type ChargedCost = Pick<Entry, 'cost' | 'costLow' | 'costHigh'>

/**
 * The correction after which an entry, with the corrections that it already has, costs what was charged for it, with the same
 * bounds. `undefined` when it says so already.
 */
export function adoptionOf(
  entry: Entry,
  earlier: readonly Entry[],
  charged: ChargedCost,
  { now, priceVersion }: { readonly now: number; readonly priceVersion: string },
): Correction | undefined {
  const rows = [entry, ...earlier]
  const before = rows.reduce((sum, row) => sum + (row.cost ?? ZERO), ZERO as bigint)
  const uncertainBefore = rows.reduce((sum, row) => sum + (row.uncertain ?? ZERO), ZERO as bigint)
  const after: Money = charged.cost ?? ZERO
  const cost = money(after - before)
  const uncertain = money(spentOf(charged) - after - uncertainBefore)
  if (cost === ZERO && uncertain === ZERO) return undefined
  const isUnpriced = entry.cost === undefined && entry.costHigh === undefined && earlier.length === 0
  const unpriced = isUnpriced ? -1 : 0
  return correctionTo(entry, { cost, uncertain, unpriced, priceVersion, now })
}

/** Whether a cost is known to the nano-dollar. */
export function isExact({ cost, costLow, costHigh }: ChargedCost): boolean {
  return cost !== undefined && costLow === undefined && costHigh === undefined
}
