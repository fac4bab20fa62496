import type { Endpoint } from '../catalog/catalog.ts'

/** Cheaper first, unknown prices last. */
export function comparePrices(a: Endpoint, b: Endpoint): number {
  return compareKnown(blendedPrice(a), blendedPrice(b))
}

/** Dearer first, unknown prices last all the same. */
export function compareDearer(a: Endpoint, b: Endpoint): number {
  return a.price === undefined || b.price === undefined ? comparePrices(a, b) : comparePrices(b, a)
}

/** Smaller first, what isn't known last. */
export function compareKnown<T extends number | bigint>(left: T | undefined, right: T | undefined): number {
  if (left === right) return 0
  if (left === undefined) return 1
  if (right === undefined) return -1
  return left < right ? -1 : 1
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Prompts are taken to be three times as long as answers. */
function blendedPrice({ price }: Endpoint): bigint | undefined {
  if (price?.input === undefined) return undefined
  return price.input * 3n + (price.output ?? 0n)
}
