/** A histogram of durations, in seconds. */
export interface Histogram {
  readonly count: number
  readonly sum: number
  /** How many took at most `le` seconds. Cumulative: each bucket includes those before it. */
  buckets(): readonly { readonly le: number; readonly count: number }[]
}

/** In seconds, from a cached response of a nearby server to a long chain of reasoning. */
const BOUNDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const

export function createHistogram(): Histogram & { add(seconds: number): void } {
  const counts = BOUNDS.map(() => 0)
  let [count, sum] = [0, 0]
  return {
    get count() {
      return count
    },
    get sum() {
      return sum
    },
    add(seconds) {
      count++
      sum += seconds
      const at = BOUNDS.findIndex((bound) => seconds <= bound)
      if (at !== -1) counts[at] = (counts[at] ?? 0) + 1
    },
    buckets() {
      let below = 0
      return BOUNDS.map((le, at) => ({ le, count: (below += counts[at] ?? 0) }))
    },
  }
}
