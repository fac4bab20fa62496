import { money, ZERO, type Money } from '../base/money.ts'
import { randomLetters } from '../base/ids.ts'
import type { Price } from '../catalog/catalog.ts'
import { costOf } from './cost.ts'
import type { Adjustment, EntrySettlement } from './entries/entry-row.ts'
import { OUTRUN, type Entry, type LedgerRequest } from './types.ts'

/** The prices with which past costs are computed again, and the period. */
export interface Repricing {
  /** The correct price of an endpoint (`provider/model_id`); `undefined` leaves its entries unchanged. */
  readonly priceOf: (endpoint: string) => Price | undefined
  readonly priceVersion: string
  /** Unix seconds of the start of a request: from `since`, before `until`. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Only computes what would be booked, and books nothing. */
  readonly isDryRun?: boolean | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The result of repricing; serialized to callers as it is, save for `difference`. */
export interface RepricingResult {
  /** Entries that were examined. */
  readonly looked: number
  /** Entries that were corrected. */
  readonly adjusted: number
  /** The sum of all changes of costs. */
  readonly difference: Money
}

/** An entry that corrects another one. */
export interface Correction {
  readonly request: LedgerRequest
  readonly settlement: EntrySettlement
  readonly adjustment: Adjustment
  /** The change of the cost. */
  readonly cost: Money
  /** The change of what its payer has spent, in which an unknown cost had counted with its upper bound. */
  readonly spent: Money
}

/**
 * The correction after which an entry, with the corrections that it already has, costs what its usage costs at the given
 * price. `undefined` when it costs that already, when its usage is unknown, when its cost is the provider's own figure, or
 * when its cost includes other attempts than the one that responded.
 */
export function correctionOf(
  entry: Entry,
  earlier: readonly Entry[],
  repricing: Repricing,
): Correction | undefined {
  const { endpoint, usage, adjusts } = entry
  if (
    adjusts !== undefined ||
    endpoint === undefined ||
    usage === undefined ||
    entry.costSource === 'upstream' ||
    entry.attempts.some(({ code, gavePart }) => code === OUTRUN || gavePart === true)
  )
    return undefined
  const price = repricing.priceOf(endpoint)
  // An entry does not say how long the cache keeps what was written to it, on which the rate depends.
  const isByLifetime = usage.cacheWrite > 0 && price?.cacheWrite1h !== undefined
  const correctCost = price === undefined || isByLifetime ? undefined : costOf(usage, price)
  if (correctCost === undefined) return undefined
  const isPriced = entry.cost !== undefined || earlier.length > 0
  const before = earlier.reduce((sum, { cost }) => sum + (cost ?? ZERO), entry.cost ?? (ZERO as bigint))
  if (isPriced && before === correctCost) return undefined
  const cost = money(correctCost - before)
  const uncertain = changeOfUncertain([entry, ...earlier], isPriced ? before : undefined, correctCost)
  const { now, priceVersion } = repricing
  const unpriced = !isPriced && entry.costHigh === undefined ? -1 : 0
  return correctionTo(entry, { cost, uncertain, unpriced, priceVersion, now })
}

/** By how much an entry is corrected. */
export interface CorrectionAmounts {
  readonly cost: Money
  readonly uncertain: Money
  /** −1 when the entry had no price and now has one, otherwise 0. */
  readonly unpriced: number
  readonly priceVersion: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The entry that corrects another one by these amounts. */
export function correctionTo(
  entry: Entry,
  { cost, uncertain, unpriced, priceVersion, now }: CorrectionAmounts,
): Correction {
  return {
    request: { ...entry, id: `adj-${Math.floor(now / 1000)}-${randomLetters(20)}`, streamed: false },
    settlement: {
      status: 'adjusted',
      endpoint: entry.endpoint,
      provider: entry.provider,
      model: entry.model,
      attempts: [],
      attemptCount: 0,
      usage: undefined,
      countSource: entry.countSource,
      cost,
      costLow: undefined,
      costHigh: undefined,
      priceVersion,
      finishReason: undefined,
      error: undefined,
      firstTokenMs: undefined,
      durationMs: undefined,
    },
    adjustment: { adjusts: entry.id, uncertain, unpriced, bookedAt: now },
    cost,
    spent: money(cost + uncertain),
  }
}

/** The bounds of a cost move with it, in proportion. What had no cost at all is known now. */
function changeOfUncertain(rows: readonly Entry[], before: bigint | undefined, cost: Money): Money {
  const uncertain = rows.reduce((sum, row) => sum + (row.uncertain ?? ZERO), ZERO as bigint)
  if (before === undefined) return money(ZERO - uncertain)
  if (uncertain === 0n || before <= 0n) return ZERO
  const scaled = (uncertain * cost + before - 1n) / before
  return money(scaled - uncertain)
}

/** The cost of an entry with its corrections. The lower bound moves with the cost, as the upper one does. */
export function correctedBy(
  { cost, costLow, costHigh, uncertain = ZERO }: Entry,
  corrections: readonly Pick<Entry, 'cost' | 'uncertain'>[],
): Pick<Entry, 'cost' | 'costLow' | 'costHigh'> {
  const before: bigint = cost ?? ZERO
  const corrected = corrections.reduce((sum, { cost: by }) => sum + (by ?? ZERO), before)
  const above = corrections.reduce((sum, { uncertain: by }) => sum + (by ?? ZERO), uncertain as bigint)
  // What was corrected to a bounded cost is one, whatever it was before.
  if (cost === undefined && above > 0n)
    return { cost: money(corrected), costLow: ZERO, costHigh: money(corrected + above) }
  const isBounded = cost !== undefined && (costLow ?? costHigh) !== undefined && above !== 0n
  if (!isBounded) return { cost: money(corrected), costLow: undefined, costHigh: undefined }
  const low = costLow === undefined || before <= 0n ? costLow : money((costLow * corrected) / before)
  return { cost: money(corrected), costLow: low, costHigh: costHigh && money(corrected + above) }
}
