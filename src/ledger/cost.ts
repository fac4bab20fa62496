import { money, NOTHING, type Money } from '../base/money.ts'
import type { Price, Rates } from '../catalog/catalog.ts'
import type { Usage } from './ledger-types.ts'

/** Two parts that add up to the cost: what went in (with any flat fee) and what came out. */
export interface CostParts {
  readonly prompt: Money
  readonly completion: Money
}

/** Most that a request can use; what is left out can't be used at all. */
export interface UsageBounds {
  readonly promptTokensAtMost: number
  readonly completionTokensAtMost: number
  readonly charactersAtMost?: number | undefined
  readonly soundMsAtMost?: number | undefined
}

/** Counts × rates in millionths of a nano-dollar per minute's milliseconds: the unit in which every part is a whole number. */
type Exact = bigint

const MS_PER_MINUTE = 60_000n
/** Rates are per million units. */
const EXACT_PER_NANO = 1_000_000n * MS_PER_MINUTE

/** What an answer cost: exact, then rounded once (half up) to a nano-dollar. */
export function costOf(usage: Usage, price: Price): Money {
  const rates = ratesFor(usage.prompt, price)
  return money(rounded(exactPrompt(usage, rates, price) + exactCompletion(usage, rates)) + fee(price))
}

/** The same cost in its parts: the prompt's is rounded, the completion's is the rest. */
export function costParts(usage: Usage, price: Price): CostParts {
  const prompt = money(rounded(exactPrompt(usage, ratesFor(usage.prompt, price), price)) + fee(price))
  return { prompt, completion: money(costOf(usage, price) - prompt) }
}

/** Never below `costOf` for any usage within the bounds: every token at the highest rate that it could meet. */
export function mostItCanCost(bounds: UsageBounds, price: Price): Money {
  const reachable = [
    price,
    ...(price.tiers ?? []).filter((tier) => tier.aboveInputTokens < bounds.promptTokensAtMost),
  ]
  const exact =
    tokens(bounds.promptTokensAtMost, highest(reachable.flatMap(promptRates))) +
    tokens(bounds.completionTokensAtMost, highest(reachable.flatMap(completionRates))) +
    tokens(bounds.charactersAtMost ?? 0, price.characters ?? NOTHING) +
    sound(bounds.soundMsAtMost ?? 0, price)
  return money(rounded(exact) + fee(price))
}

/** The last tier that the prompt is longer than, else the base. A tier stands for itself: it inherits no rate. */
function ratesFor(promptTokens: number, price: Price): Rates {
  if (price.tiers === undefined) return price
  return price.tiers.findLast((tier) => promptTokens > tier.aboveInputTokens) ?? price
}

function exactPrompt(usage: Usage, rates: Rates, price: Price): Exact {
  const cached = Math.min(usage.cachedPrompt, usage.prompt)
  const written = Math.min(usage.cacheWrite, usage.prompt - cached)
  const audio = Math.min(usage.audioPrompt, usage.prompt - cached - written)
  return (
    tokens(cached, rates.cachedInput ?? rates.input) +
    tokens(written, rates.cacheWrite ?? rates.input) +
    tokens(audio, rates.audioInput ?? rates.input) +
    tokens(usage.prompt - cached - written - audio, rates.input) +
    tokens(usage.characters ?? 0, price.characters ?? NOTHING) +
    sound(usage.soundMs ?? 0, price)
  )
}

/** Like the prompt's: a part larger than what is left of the whole is cut, so that no token is paid twice. */
function exactCompletion(usage: Usage, rates: Rates): Exact {
  const reasoning = Math.min(usage.reasoning, usage.completion)
  const audio = Math.min(usage.audioCompletion, usage.completion - reasoning)
  return (
    tokens(reasoning, rates.reasoning ?? rates.output) +
    tokens(audio, rates.audioOutput ?? rates.output) +
    tokens(usage.completion - reasoning - audio, rates.output)
  )
}

function promptRates(rates: Rates): Money[] {
  return [rates.input, rates.cachedInput, rates.cacheWrite, rates.audioInput].filter(
    (rate) => rate !== undefined,
  )
}

function completionRates(rates: Rates): Money[] {
  return [rates.output, rates.reasoning, rates.audioOutput].filter((rate) => rate !== undefined)
}

function highest(rates: readonly Money[]): Money {
  return rates.reduce((most, rate) => (rate > most ? rate : most), NOTHING)
}

function tokens(count: number, rate: Money): Exact {
  return count === 0 ? 0n : BigInt(count) * rate * MS_PER_MINUTE
}

function sound(ms: number, price: Price): Exact {
  return price.minutes === undefined ? 0n : BigInt(ms) * price.minutes
}

function fee(price: Price): Money {
  return price.perRequest ?? NOTHING
}

function rounded(exact: Exact): bigint {
  return (exact + EXACT_PER_NANO / 2n) / EXACT_PER_NANO
}
