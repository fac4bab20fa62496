import { money, NOTHING, type Money } from '../base/money.ts'
import { randomLetters } from '../base/ids.ts'
import type { Price } from '../catalog/catalog.ts'
import { costOf } from './cost.ts'
import type { Adjustment, EntrySettlement } from './entries/entry-row.ts'
import { OUTRUN, type Entry, type LedgerRequest } from './types.ts'

/** The prices with which past costs are computed again, and the period. */
export interface Rerating {
  /** The correct price of an endpoint (`provider/model_id`); `undefined` leaves its entries unchanged. */
  readonly priceOf: (endpoint: string) => Price | undefined
  readonly priceVersion: string
  /** Unix seconds of the start of a request: from `since`, before `until`. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Only computes what would be booked, and books nothing. */
  readonly isTrial?: boolean | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The result of repricing; serialized to callers as it is, save for `difference`. */
export interface ReratingResult {
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
