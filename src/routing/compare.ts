import type { Endpoint } from '../catalog/catalog.ts'

/** Cheaper first, unknown prices last. */
export function comparePrices(a: Endpoint, b: Endpoint): number {
  return compareKnown(blendedPrice(a), blendedPrice(b))
}

/** More expensive first, unknown prices last. */
export function comparePricesDescending(a: Endpoint, b: Endpoint): number {
  return a.price === undefined || b.price === undefined ? comparePrices(a, b) : comparePrices(b, a)
}

/** Smaller first, unknown last. */
export function compareKnown<T extends number | bigint>(left: T | undefined, right: T | undefined): number {
  if (left === right) return 0
  if (left === undefined) return 1
  if (right === undefined) return -1
  return left < right ? -1 : 1
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Assumes that prompts are three times as long as responses. */
function blendedPrice({ price }: Endpoint): bigint | undefined {
  if (price?.input === undefined) return undefined
  return price.input * 3n + (price.output ?? 0n)
}
