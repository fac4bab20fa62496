import { usdText, type Money } from '../../../base/money.ts'
import type { Price } from '../../../catalog/catalog.ts'

/** How OpenRouter writes a price that is not known beforehand. */
const UNKNOWN = '-1'

/** A price in OpenRouter's form: US dollars per token or request, as decimal strings. Unknown prices are omitted, save the two main ones. */
export function pricingOf(price: Price | undefined): Record<string, string> {
  const rates = {
    input_cache_read: price?.cachedInput,
    input_cache_write: price?.cacheWrite,
    internal_reasoning: price?.reasoning,
    audio: price?.audioInput,
    audio_output: price?.audioOutput,
    image_token: price?.image,
  }
  const known = Object.entries(rates).flatMap(([name, rate]) =>
    rate === undefined ? [] : [[name, perToken(rate)] as const],
  )
  return {
    prompt: price?.input === undefined ? UNKNOWN : perToken(price.input),
    completion: completionOf(price),
    ...Object.fromEntries(known),
    ...(price?.perImage === undefined ? {} : { image: usdText(price.perImage) }),
    ...(price?.perRequest === undefined ? {} : { request: usdText(price.perRequest) }),
  }
}

/** An embedding model has an input price and no output. */
function completionOf(price: Price | undefined): string {
  if (price?.output !== undefined) return perToken(price.output)
  return price?.input === undefined ? UNKNOWN : '0'
}

/** A price finer than a nano-dollar per token keeps its digits. */
function perToken(perMillion: Money): string {
  const [whole = '0', fraction = ''] = usdText(perMillion).split('.')
  const digits = whole.padStart(7, '0')
  const text = `${digits.slice(0, -6)}.${digits.slice(-6)}${fraction}`
  return text.replace(/0+$/, '').replace(/\.$/, '')
}
