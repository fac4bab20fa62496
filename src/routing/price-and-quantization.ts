import { parseUsd, usdText, type Money } from '../base/money.ts'
import type { Price } from '../catalog/catalog.ts'
import type { MaxPrice } from '../wire/openai/routing/provider-preferences.ts'

/** Whether a quantization matches a requested one; `fp4` and `fp8` also match their variants. */
export function quantizationMatches(wanted: string, own: string): boolean {
  if (wanted === own) return true
  return (wanted === 'fp4' && /^(mx|nv)fp4$/.test(own)) || (wanted === 'fp8' && own === 'mxfp8')
}

/** The rate of a price that exceeds its maximum; `undefined` when no known rate does. */
export function maxPriceExcess(price: Price, maxPrice: MaxPrice): string | undefined {
  return (
    excessOf('prompt', price.input, maxPrice.prompt) ??
    excessOf('completion', price.output, maxPrice.completion) ??
    excessOf('request', price.perRequest, maxPrice.request) ??
    excessOf('audio', price.audioInput, maxPrice.audio) ??
    excessOf('image', price.perImage, maxPrice.image)
  )
}

function excessOf(what: string, rate: Money | undefined, max: string | undefined): string | undefined {
  if (max === undefined || rate === undefined || rate <= maxRate(max)) return undefined
  return `costs $${usdText(rate)} for ${what}, more than $${max}`
}

/** The maximum in nano-dollars; a float where it is finer than a nano-dollar or beyond all amounts of money. */
function maxRate(text: string): bigint | number {
  try {
    return parseUsd(text)
  } catch {
    return Number(text) * 1e9
  }
}
