import { money, ZERO, type Money } from '../base/money.ts'
import type { Price, Rates } from '../catalog/catalog.ts'
import { plus, rounded, times, type Exact } from './fixed-point.ts'
import type { Usage } from './types.ts'

/** The cost of a response and its two parts: the prompt (with any flat fee) and the completion. */
export interface CostParts {
  readonly whole: Money
  readonly prompt: Money
  readonly completion: Money
}

/** The maximum that a request can use; what is absent cannot be used at all. */
export interface UsageBounds {
  readonly maxPromptTokens: number
  readonly maxCompletionTokens: number
  readonly maxCharacters?: number | undefined
  readonly maxSoundMs?: number | undefined
  readonly maxImages?: number | undefined
  readonly maxSearchUnits?: number | undefined
  /** Images that can be made, each at the highest price of its class. */
  readonly maxMadeImages?: number | undefined
  readonly imageClass?: string | undefined
  /** The prompt is text only, so that the rates of sounds and images cannot apply. */
  readonly isText?: boolean | undefined
}

/** The minimum that a response has used. */
export interface MinUsage {
  readonly minPromptTokens: number
  readonly minCompletionTokens: number
  readonly characters?: number | undefined
  readonly soundMs?: number | undefined
  readonly images?: number | undefined
  readonly searchUnits?: number | undefined
  readonly madeImages?: number | undefined
  readonly imageClass?: string | undefined
}

/** `undefined` as soon as something was used whose rate is unknown. */
type Sum = Exact | undefined

const MS_PER_HOUR = 3_600_000n
/** Rates are per million units. */
const SOUND_PER_NANO = 1_000_000n * MS_PER_HOUR

/**
 * The cost of a response: computed exactly, then rounded once (half up) to a nano-dollar. `undefined` when something was used
 * whose rate is unknown.
 */
export function costOf(usage: Usage, price: Price): Money | undefined {
  const rates = ratesFor(usage.prompt, price)
  return inMoney(sum(exactPrompt(usage, rates, price), exactCompletion(usage, rates)), price, usage)
}

/**
 * The cost of a response in its parts: the prompt's is rounded, the completion's is the rest. `undefined` where `costOf` is.
 */
export function costParts(usage: Usage, price: Price): CostParts | undefined {
  const rates = ratesFor(usage.prompt, price)
  const exact = exactPrompt(usage, rates, price)
  const prompt = inMoney(exact, price, usage)
  const whole = inMoney(sum(exact, exactCompletion(usage, rates)), price, usage)
  return prompt === undefined || whole === undefined
    ? undefined
    : { whole, prompt, completion: money(whole - prompt) }
}

/**
 * The maximum that `costOf` can be for any usage within the bounds: every token at the highest rate that could apply to it.
 * `undefined` when a rate that could apply is unknown.
 */
export function maxCostOf(bounds: UsageBounds, price: Price): Money | undefined {
  const isText = bounds.isText === true
  let [input, output] = [maxInputRate(price, isText), maxOutputRate(price)]
  for (const tier of price.tiers ?? []) {
    if (tier.aboveInputTokens >= bounds.maxPromptTokens) continue
    input = higher(input, maxInputRate(tier, isText))
    output = higher(output, maxOutputRate(tier))
  }
  const exact = sum(
    tokens(bounds.maxPromptTokens, input),
    tokens(bounds.maxCompletionTokens, output),
    tokens(bounds.maxCharacters ?? 0, price.characters),
  )
  return inMoney(exact, price, {
    images: bounds.maxImages,
    soundMs: bounds.maxSoundMs,
    searchUnits: bounds.maxSearchUnits,
    madeImages: bounds.maxMadeImages,
    imageClass: bounds.imageClass,
  })
}

/**
 * The minimum that `costOf` can be for any usage of at least `min`: every token at the lowest rate that could apply to it.
 * `undefined` when a rate that could apply is unknown.
 */
export function minCostOf(min: MinUsage, price: Price): Money | undefined {
  const tiers = price.tiers ?? []
  const reachable = [price, ...tiers].filter(
    (_, nth) => (tiers[nth]?.aboveInputTokens ?? Infinity) >= min.minPromptTokens,
  )
  let cheapest: Sum
  for (const rates of reachable) {
    const exact = sum(
      tokens(min.minPromptTokens, lowest(rates.input, promptRates(rates))),
      tokens(min.minCompletionTokens, lowest(rates.output, completionRates(rates))),
      tokens(min.characters ?? 0, price.characters),
    )
    if (exact === undefined) return undefined
    if (cheapest === undefined || exact < cheapest) cheapest = exact
  }
  return inMoney(cheapest, price, min)
}

/**
 * The maximum number of completion tokens, within the bounds, whose maximum cost is covered by `afford`. `undefined` when
 * `afford` does not even cover the rest of the request, or a rate is unknown.
 */
export function tokensAffordable(bounds: UsageBounds, price: Price, afford: Money): number | undefined {
  const fits = (maxCompletionTokens: number): boolean => {
    const cost = maxCostOf({ ...bounds, maxCompletionTokens }, price)
    return cost !== undefined && cost <= afford
  }
  if (!fits(0)) return undefined
  let [enough, tooMany] = [0, bounds.maxCompletionTokens + 1]
  while (tooMany - enough > 1) {
    const middle = Math.floor((enough + tooMany) / 2)
    if (fits(middle)) enough = middle
    else tooMany = middle
  }
  return enough
}

/** The rates of the last tier that the prompt is longer than, otherwise the base rates. A tier inherits no rate. */
function ratesFor(promptTokens: number, price: Price): Rates {
  if (price.tiers === undefined) return price
  return price.tiers.findLast((tier) => promptTokens > tier.aboveInputTokens) ?? price
}

function exactPrompt(usage: Usage, rates: Rates, price: Price): Sum {
  const cached = Math.min(usage.cachedPrompt, usage.prompt)
  const written = Math.min(usage.cacheWrite, usage.prompt - cached)
  const hourly = Math.min(usage.cacheWrite1h ?? 0, written)
  const audio = Math.min(usage.audioPrompt, usage.prompt - cached - written)
  const image = Math.min(usage.imagePrompt ?? 0, usage.prompt - cached - written - audio)
  return sum(
    tokens(cached, rates.cachedInput ?? rates.input),
    tokens(written - hourly, rates.cacheWrite ?? rates.input),
    tokens(hourly, rates.cacheWrite1h ?? rates.cacheWrite ?? rates.input),
    tokens(audio, rates.audioInput ?? rates.input),
    tokens(image, rates.image ?? rates.input),
    tokens(usage.prompt - cached - written - audio - image, rates.input),
    tokens(usage.characters ?? 0, price.characters),
  )
}

/** As for the prompt, a part that is larger than what is left of the whole is cut, so that no token is paid twice. */
function exactCompletion(usage: Usage, rates: Rates): Sum {
  const reasoning = Math.min(usage.reasoning, usage.completion)
  const audio = Math.min(usage.audioCompletion, usage.completion - reasoning)
  return sum(
    tokens(reasoning, rates.reasoning ?? rates.output),
    tokens(audio, rates.audioOutput ?? rates.output),
    tokens(usage.completion - reasoning - audio, rates.output),
  )
}

function promptRates(rates: Rates): Money[] {
  return [
    rates.input,
    rates.cachedInput,
    rates.cacheWrite,
    rates.cacheWrite1h,
    rates.audioInput,
    rates.image,
  ].filter((rate) => rate !== undefined)
}

function completionRates(rates: Rates): Money[] {
  return [rates.output, rates.reasoning, rates.audioOutput].filter((rate) => rate !== undefined)
}

/** Unknown when the input rate is, whatever other rates are known. */
function maxInputRate(rates: Rates, isText: boolean): Money | undefined {
  const read = maxRate(rates.input, rates.cachedInput)
  const text = maxRate(maxRate(read, rates.cacheWrite), rates.cacheWrite1h)
  return isText ? text : maxRate(maxRate(text, rates.audioInput), rates.image)
}

function maxOutputRate({ output, reasoning, audioOutput }: Rates): Money | undefined {
  return maxRate(maxRate(output, reasoning), audioOutput)
}

function maxRate(usual: Money | undefined, rate: Money | undefined): Money | undefined {
  return usual === undefined || rate === undefined || rate <= usual ? usual : rate
}

/** The higher of two rates; unknown as soon as one is. */
function higher(a: Money | undefined, b: Money | undefined): Money | undefined {
  return a === undefined || b === undefined ? undefined : maxRate(a, b)
}

/** The lowest of the rates; unknown when the usual rate is, whatever other rates are known. */
function lowest(usual: Money | undefined, rates: readonly Money[]): Money | undefined {
  if (usual === undefined) return undefined
  return rates.reduce((cheapest, rate) => (rate < cheapest ? rate : cheapest), usual)
}

function tokens(count: number, rate: Money | undefined): Sum {
  if (count === 0) return 0
  return rate === undefined ? undefined : times(count, rate)
}

function sum(...parts: readonly Sum[]): Sum {
  let whole: Exact = 0
  for (const part of parts) {
    if (part === undefined) return undefined
    if (part !== 0) whole = plus(whole, part)
  }
  return whole
}

/** Usage that is not counted in tokens. */
interface NonTokenUsage {
  readonly images?: number | undefined
  readonly soundMs?: number | undefined
  readonly searchUnits?: number | undefined
  readonly madeImages?: number | undefined
  readonly imageClass?: string | undefined
}

/** The amount rounded half up, with the flat fees. */
function inMoney(exact: Sum, price: Price, units: NonTokenUsage): Money | undefined {
  const { images = 0, soundMs = 0 } = units
  if (exact === undefined) return undefined
  const { perRequest, perImage } = price
  const used = soundMs === 0 ? rounded(exact) : withSound(exact, soundMs, price)
  if (used === undefined) return undefined
  const pictures = images === 0 || perImage === undefined ? ZERO : BigInt(images) * perImage
  const fixed =
    perRequest === undefined && pictures === ZERO ? used : money(used + (perRequest ?? ZERO) + pictures)
  return units.searchUnits === undefined && units.madeImages === undefined
    ? fixed
    : withUnits(fixed, price, units)
}

/** Search units and made images have no cost where their price is unknown, and then the whole has none. */
function withUnits(
  used: Money,
  { perSearchUnit, madeImages: prices }: Price,
  { searchUnits = 0, madeImages = 0, imageClass = '' }: NonTokenUsage,
): Money | undefined {
  const perImage = madeImages === 0 ? ZERO : imagePriceOf(imageClass, prices)
  const perUnit = searchUnits === 0 ? ZERO : perSearchUnit
  if (perImage === undefined || perUnit === undefined) return undefined
  return money(used + BigInt(searchUnits) * perUnit + BigInt(madeImages) * perImage)
}

/** The size and quality of an image as one word: `1024x1024/high`. What the caller leaves to the model is `auto`. */
export function imageClassOf(size: string | undefined, quality: string | undefined): string {
  return `${size ?? 'auto'}/${quality ?? 'auto'}`
}

/** The price of the first row that fits. A class with `auto` may be any, so that it has the highest. */
function imagePriceOf(imageClass: string, prices: Price['madeImages'] = []): Money | undefined {
  const [size = 'auto', quality = 'auto'] = imageClass.split('/')
  const fits = (wanted: string, own: string | undefined): boolean =>
    own === undefined || own === wanted || wanted === 'auto'
  const fitting = prices.filter((row) => fits(size, row.size) && fits(quality, row.quality))
  if (size !== 'auto' && quality !== 'auto') return fitting[0]?.cost
  return fitting.reduce<Money | undefined>(
    (highest, { cost }) => (highest === undefined || cost > highest ? cost : highest),
    undefined,
  )
}

/** Sound is priced by the hour and measured in milliseconds. Its cost is rounded once, together with that of the tokens. */
function withSound(exact: Exact, ms: number, price: Price): Money | undefined {
  const { hours } = price
  if (hours === undefined) return undefined
  const sound = BigInt(chargedMs(ms, price)) * hours
  return money((BigInt(exact) * MS_PER_HOUR + sound + SOUND_PER_NANO / 2n) / SOUND_PER_NANO)
}

/** The milliseconds of sound that a vendor charges for: whole seconds where it rounds, and never less than its minimum. */
function chargedMs(ms: number, { minimumSeconds = 0, secondRounding }: Price): number {
  const seconds = ms / 1000
  const rounded =
    secondRounding === undefined ? ms : 1000 * Math[secondRounding === 'up' ? 'ceil' : 'round'](seconds)
  return Math.max(rounded, minimumSeconds * 1000)
}
