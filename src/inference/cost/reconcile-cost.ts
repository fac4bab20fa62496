import { addMoney, usdText, money, ZERO, type Money } from '../../base/money.ts'
import type { Price } from '../../catalog/catalog.ts'
import { costOf, minCostOf, maxCostOf } from '../../ledger/cost.ts'
import type { Settlement, Usage } from '../../ledger/types.ts'
import type { ChargeBounds } from '../usage/reported-charge.ts'
import type { UsageReading } from '../usage/usage-meter.ts'

type Costs = Pick<Settlement, 'cost' | 'costLow' | 'costHigh' | 'costSource' | 'upstreamCost' | 'flag'>

/** A provider's figure is accepted up to this many times ours, and down to this fraction of it: discounts and surcharges are within. */
const PLAUSIBLE_FACTOR = 3n
/** In nano-dollars. Below a ten-thousandth of a dollar, rounding explains any difference. */
const NEGLIGIBLE = 100_000n
/**
 * The most that one web search costs, in nano-dollars, where the catalog has no price of it: $50 per 1,000 searches of large
 * context at OpenAI (https://platform.openai.com/docs/pricing, 2025-03); Google $35, xAI $25, Perplexity $14, Anthropic $10.
 */
const MAX_SEARCH_COST = 50_000_000n

export interface CostInput {
  readonly reading: UsageReading
  readonly price: Price | undefined
  /** The cost that the provider reported, where it is used. */
  readonly charged: Money | undefined
  /** How far that is uncertain, where the provider states it: a guess stays one, however many brokers pass it on. */
  readonly chargedBounds?: ChargeBounds | undefined
  /** A router's fee beside what the vendor charges, which it does not state. */
  readonly fee?: Money | undefined
}

/** The cost of a settlement and its source: the provider's own figure if it is plausible, otherwise usage × price. */
export function reconcileCost(input: CostInput): Costs {
  return withinCharge(costsOf(input), input.chargedBounds)
}

/** What a broker above charges is what we owe, within the bounds that it states. */
export function bindingCost({ charged, chargedBounds }: CostInput): Costs {
  return {
    cost: charged,
    costLow: chargedBounds?.low,
    costHigh: chargedBounds?.high,
    costSource: charged === undefined ? 'none' : 'upstream',
    upstreamCost: charged,
  }
}

/** Widens the bounds by those of the charge. What is charged at least is the cost, if ours is less. */
function withinCharge(costs: Costs, charge: ChargeBounds | undefined): Costs {
  if (charge === undefined) return costs
  const { cost, costLow = cost, costHigh = cost } = costs
  const { low, high } = charge
  return {
    ...costs,
    cost: cost !== undefined && cost < low ? low : cost,
    costLow: costLow === undefined ? low : smaller(costLow, low),
    // An unknown cost is not bounded by that of another broker's part of it.
    costHigh: high === undefined || costHigh === undefined ? high : greater(costHigh, high),
  }
}

function costsOf(input: CostInput): Costs {
  const { reading, price, charged } = input
  const computed = priced(reading.usage, price, costOf)
  if (charged === undefined && reading.countSource === 'reported')
    return withExtras(atOurPrice(computed), input)
  const [low, high] =
    reading.areDetailed === true
      ? [priced(reading.low, price, costOf), priced(reading.high, price, costOf)]
      : [priced(reading.low, price, cheapestCost), priced(reading.high, price, mostExpensiveCost)]
  if (charged === undefined) {
    const costs: Costs = {
      ...bounded(computed, low, high),
      costSource: computed === undefined ? 'none' : 'price',
    }
    return withExtras(costs, input)
  }
  if (computed === undefined || isPlausible(charged, computed, searchCost(reading))) {
    return {
      cost: charged,
      costLow: undefined,
      costHigh: undefined,
      costSource: 'upstream',
      upstreamCost: charged,
    }
  }
  const flag = `the provider reported a cost of $${usdText(charged)}, our price makes it $${usdText(computed)}`
  // Which figure is right has to be found out by a person: the true cost is one of them, or between.
  const [lower, upper] = charged < computed ? [charged, computed] : [computed, charged]
  return {
    ...bounded(computed, smaller(low ?? computed, lower), greater(high, upper)),
    costSource: 'price',
    upstreamCost: charged,
    flag,
  }
}

/**
 * The cost where the provider's figure rests on an estimate: our own estimate with its bounds, unless that figure is beyond
 * them. A figure without bounds has ours, and without those any amount is possible.
 */
export function reconcileEstimate(input: CostInput): Costs {
  const { charged, chargedBounds } = input
  const own = costsOf({ ...input, charged: undefined })
  const { cost, costLow = cost, costHigh = cost } = own
  const isWithin =
    costLow !== undefined &&
    costHigh !== undefined &&
    (charged === undefined || (costLow <= charged && charged <= costHigh))
  if (isWithin) return withinCharge(own, chargedBounds)
  return withinCharge(costsOf(input), chargedBounds ?? { low: costLow ?? ZERO, high: costHigh })
}

/** Adds what is charged beside tokens and not stated: a fee exactly, searches up to their maximum. */
function withExtras(costs: Costs, { fee = ZERO, reading }: CostInput): Costs {
  const searches = searchCost(reading)
  if (fee === ZERO && searches === ZERO) return costs
  const { cost, costLow = cost, costHigh = cost } = costs
  const isExact = searches === ZERO && cost !== undefined && (costs.costLow ?? costs.costHigh) === undefined
  return {
    ...costs,
    cost: plus(cost, fee),
    costLow: isExact ? undefined : addMoney(costLow ?? ZERO, fee),
    costHigh: isExact ? undefined : plus(costHigh, addMoney(fee, searches)),
  }
}

function plus(amount: Money | undefined, more: Money): Money | undefined {
  return amount === undefined ? undefined : addMoney(amount, more)
}

function searchCost({ searches = 0 }: UsageReading): Money {
  return searches === 0 ? ZERO : money(BigInt(searches) * MAX_SEARCH_COST)
}

/** The usage that the provider reported, at our price. */
function atOurPrice(cost: Money | undefined): Costs {
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
function cheapestCost({ prompt, completion, ...units }: Usage, price: Price): Money | undefined {
  return minCostOf({ ...units, minPromptTokens: prompt, minCompletionTokens: completion }, price)
}

/** As if all tokens were of the most expensive kind. */
function mostExpensiveCost(usage: Usage, price: Price): Money | undefined {
  const bounds = {
    maxPromptTokens: usage.prompt,
    maxCompletionTokens: usage.completion,
    maxCharacters: usage.characters,
    maxSoundMs: usage.soundMs,
    maxImages: usage.images,
    maxSearchUnits: usage.searchUnits,
    maxMadeImages: usage.madeImages,
    imageClass: usage.imageClass,
  }
  return maxCostOf(bounds, price)
}

/** Keeps the cost between its bounds, also where a count was rounded. */
function bounded(cost: Money | undefined, low: Money | undefined, high: Money | undefined) {
  if (cost === undefined || (low === undefined && high === undefined))
    return { cost, costLow: low, costHigh: high }
  const [bottom, top] = [low ?? cost, high ?? cost]
  return { cost, costLow: bottom < cost ? bottom : cost, costHigh: top > cost ? top : cost }
}

/** @param extras the maximum of what is charged beside tokens. */
function isPlausible(charged: Money, computed: Money, extras: Money): boolean {
  // A response with a price is never free.
  if (charged === ZERO) return computed === ZERO
  if (charged <= (computed + extras) * PLAUSIBLE_FACTOR && charged * PLAUSIBLE_FACTOR >= computed) return true
  const difference = charged > computed ? charged - computed : computed - charged
  return difference <= NEGLIGIBLE
}

function smaller(a: Money, b: Money): Money {
  return a < b ? a : b
}

function greater(a: Money | undefined, b: Money | undefined): Money | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return money(a > b ? a : b)
}
