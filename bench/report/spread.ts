export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** `undefined` for an empty list. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const min = sorted[0]
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return undefined
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? min
  return { median: (lower + upper) / 2, min, max }
}
