import { dollars, formatDollars, type Money } from '../base/money.ts'
import type { Price } from '../catalog/catalog.ts'
import type { MaxPrice } from '../wire/openai/provider-preferences.ts'

/** Whether a quantization matches a requested one; `fp4` and `fp8` also match their variants. */
export function quantizationFits(wanted: string, own: string): boolean {
  if (wanted === own) return true
  return (wanted === 'fp4' && /^(mx|nv)fp4$/.test(own)) || (wanted === 'fp8' && own === 'mxfp8')
}

/** The rate of a price that exceeds its maximum; `undefined` when no known rate does. */
export function tooDear(price: Price, maxPrice: MaxPrice): string | undefined {
  return (
    above('prompt', price.input, maxPrice.prompt) ??
    above('completion', price.output, maxPrice.completion) ??
    above('request', price.perRequest, maxPrice.request) ??
    above('audio', price.audioInput, maxPrice.audio) ??
    above('image', price.perImage, maxPrice.image)
  )
}

function above(what: string, rate: Money | undefined, most: string | undefined): string | undefined {
  if (most === undefined || rate === undefined || rate <= bound(most)) return undefined
  return `costs $${formatDollars(rate)} for ${what}, more than $${most}`
}

/** The maximum in nano-dollars; a float where it is finer than a nano-dollar or beyond all amounts of money. */
function bound(text: string): bigint | number {
  try {
    return dollars(text)
  } catch {
    return Number(text) * 1e9
  }
}
