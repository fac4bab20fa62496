import { dollars, formatDollars, type Money } from '../base/money.ts'
import type { Price } from '../catalog/catalog.ts'
import type { MaxPrice } from '../wire/openai/provider-preferences.ts'

/** Whether a quantization is one that was asked for; the plain names stand for their families. */
export function quantizationFits(wanted: string, own: string): boolean {
  if (wanted === own) return true
  return (wanted === 'fp4' && /^(mx|nv)fp4$/.test(own)) || (wanted === 'fp8' && own === 'mxfp8')
}

/** What of a price is above its bound; `undefined` when nothing that is known is. */
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
  return `asks $${formatDollars(rate)} for ${what}, more than $${most}`
}

/** A number where it is no amount of money: finer than a nano-dollar, or beyond all prices. */
function bound(text: string): bigint | number {
  try {
    return dollars(text)
  } catch {
    return Number(text) * 1e9
  }
}
