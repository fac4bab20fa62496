import { formatDollars, money, type Money } from '../../base/money.ts'
import type { Price } from '../../catalog/catalog.ts'
import { costOf, leastItCanCost, mostItCanCost } from '../../ledger/cost.ts'
import type { Settlement, Usage } from '../../ledger/types.ts'
import type { Reading } from '../usage/usage-meter.ts'

type Costs = Pick<Settlement, 'cost' | 'costLow' | 'costHigh' | 'costSource' | 'upstreamCost' | 'flag'>

/** A provider's figure is accepted up to this many times ours, and down to this fraction of it: discounts and surcharges are within. */
const SANE_FACTOR = 3n
/** In nano-dollars. Below a ten-thousandth of a dollar, rounding explains any difference. */
const SMALL = 100_000n

export interface CostQuestion {
  readonly reading: Reading
  readonly price: Price | undefined
  /** The cost that the provider reported, where it is used. */
  readonly charged: Money | undefined
  /** The provider may go on billing a response that is no longer read: up to the hold. */
  readonly goesOn: boolean
  readonly held: Money | undefined
}

/** The cost of a settlement and its source: the provider's own figure if it is plausible, otherwise usage × price. */
export function settledCost({ reading, price, charged, goesOn, held }: CostQuestion): Costs {
  const own = priced(reading.usage, price, costOf)
  if (charged === undefined && !goesOn && reading.countSource === 'reported') return ours(own)
  const [low, high] = [priced(reading.low, price, leastOf), priced(reading.high, price, mostOf)]
  if (charged === undefined) {
    return {
      ...bounded(own, low, goesOn ? most(high ?? own, held) : high),
      costSource: own === undefined ? 'none' : 'price',
    }
  }
  if (own === undefined || isSane(charged, own)) {
    return {
      cost: charged,
      costLow: undefined,
      costHigh: undefined,
      costSource: 'upstream',
      upstreamCost: charged,
    }
  }
  const flag = `the provider reported a cost of $${formatDollars(charged)}, our price makes it $${formatDollars(own)}`
  // Which figure is right has to be found out by a person: the true cost is one of them, or between.
  const [least, greatest] = charged < own ? [charged, own] : [own, charged]
  return {
    ...bounded(own, smaller(low ?? own, least), most(high, greatest)),
    costSource: 'price',
    upstreamCost: charged,
    flag,
  }
}

/** The cost where the provider's figure rests on an estimate: our own estimate with its bounds, unless that figure is beyond them. */
export function guessedCost(question: CostQuestion): Costs {
  const { charged } = question
  const own = settledCost({ ...question, charged: undefined })
  const { cost, costLow = cost, costHigh = cost } = own
  const isWithin =
    costLow !== undefined &&
    costHigh !== undefined &&
    (charged === undefined || (costLow <= charged && charged <= costHigh))
  return isWithin ? own : settledCost(question)
}

/** The usage that the provider reported, at our price. */
function ours(cost: Money | undefined): Costs {
  return {
    cost,
    costLow: undefined,
    costHigh: undefined,
    costSource: cost === undefined ? 'none' : 'price',
    upstreamCost: undefined,
    flag: undefined,
  }
}

function priced(
  usage: Usage | undefined,
  price: Price | undefined,
  rate: (usage: Usage, price: Price) => Money | undefined,
): Money | undefined {
  return usage === undefined || price === undefined ? undefined : rate(usage, price)
}

/** As if the whole prompt came from a cache. */
function leastOf({ prompt, completion, images }: Usage, price: Price): Money | undefined {
  return leastItCanCost({ promptTokensAtLeast: prompt, completionTokensAtLeast: completion, images }, price)
}

/** As if all tokens were of the most expensive kind. */
function mostOf({ prompt, completion, images }: Usage, price: Price): Money | undefined {
  const bounds = { promptTokensAtMost: prompt, completionTokensAtMost: completion, imagesAtMost: images }
  return mostItCanCost(bounds, price)
}

/** Keeps the cost between its bounds, also where a count was rounded. */
function bounded(cost: Money | undefined, low: Money | undefined, high: Money | undefined) {
  if (cost === undefined || (low === undefined && high === undefined))
    return { cost, costLow: low, costHigh: high }
  const [bottom, top] = [low ?? cost, high ?? cost]
  return { cost, costLow: bottom < cost ? bottom : cost, costHigh: top > cost ? top : cost }
}

function isSane(charged: Money, own: Money): boolean {
  if (charged <= own * SANE_FACTOR && charged * SANE_FACTOR >= own) return true
  const difference = charged > own ? charged - own : own - charged
  return difference <= SMALL
}

function smaller(a: Money, b: Money): Money {
  return a < b ? a : b
}

function most(a: Money | undefined, b: Money | undefined): Money | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return money(a > b ? a : b)
}
