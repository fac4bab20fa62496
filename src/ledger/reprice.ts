import { money, NOTHING, type Money } from '../base/money.ts'
import { randomLetters } from '../base/ids.ts'
import type { Price } from '../catalog/catalog.ts'
import { costOf } from './cost.ts'
import type { Adjustment, EntrySettlement } from './entries/entry-row.ts'
import { OUTRUN, type Entry, type HoldRequest } from './types.ts'

/** Under which prices history is computed again, and how far back. */
export interface Rerating {
  /** The price of an endpoint (`provider/model_id`) as it should have been; `undefined` leaves its entries alone. */
  readonly priceOf: (endpoint: string) => Price | undefined
  readonly priceVersion: string
  /** Unix seconds of the start of a request: from `since`, before `until`. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Only says what would be booked. */
  readonly isTrial?: boolean | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface ReratingResult {
  readonly looked: number
  /** Entries that were corrected. */
  readonly adjusted: number
  /** By how much all costs together change. */
  readonly difference: Money
}

/** A row that corrects another one. */
export interface Correction {
  readonly request: Omit<HoldRequest, 'most'>
  readonly settlement: EntrySettlement
  readonly adjustment: Adjustment
  /** By how much the cost changes, and what its payer has spent as a bound is taken to be. */
  readonly cost: Money
  readonly spent: Money
}

/**
 * What has to be booked so that an entry, with the corrections it already has, costs what the price says. `undefined` when it does,
 * when its counts aren't known, when its cost is the provider's own figure, or when it is more than the answer's own.
 */
export function correctionOf(
  entry: Entry,
  earlier: readonly Entry[],
  rerating: Rerating,
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
  const price = rerating.priceOf(endpoint)
  const should = price === undefined ? undefined : costOf(usage, price)
  if (should === undefined) return undefined
  const isPriced = entry.cost !== undefined || earlier.length > 0
  const before = earlier.reduce((sum, { cost }) => sum + (cost ?? NOTHING), entry.cost ?? (NOTHING as bigint))
  if (isPriced && before === should) return undefined
  const cost = money(should - before)
  const uncertain = isPriced ? NOTHING : money(NOTHING - (entry.costHigh ?? NOTHING))
  return {
    request: { ...entry, id: `adj-${Math.floor(rerating.now / 1000)}-${randomLetters(20)}`, streamed: false },
    settlement: {
      status: 'adjusted',
      endpoint,
      provider: entry.provider,
      model: entry.model,
      attempts: [],
      asked: 0,
      usage: undefined,
      countSource: entry.countSource,
      cost,
      costLow: undefined,
      costHigh: undefined,
      priceVersion: rerating.priceVersion,
      finishReason: undefined,
      error: undefined,
      firstTokenMs: undefined,
      durationMs: undefined,
    },
    adjustment: {
      adjusts: entry.id,
      uncertain,
      unpriced: !isPriced && entry.costHigh === undefined ? -1 : 0,
      bookedAt: rerating.now,
    },
    cost,
    spent: money(cost + uncertain),
  }
}
