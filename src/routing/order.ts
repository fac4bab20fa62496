import type { Percentiles, ProviderSort } from '../wire/openai/routing/provider-preferences.ts'
import type { RoutingPreferences } from '../wire/openai/routing/routing-preferences.ts'
import { compareKnown, comparePrices, compareText } from './compare.ts'
import { supportsParameter } from './filters.ts'
import type {
  EndpointPerformance,
  PerformanceOf,
  EndpointCandidate,
  Percentile,
} from './endpoint-candidate.ts'
import { indexInSlugs } from './provider-slugs.ts'

/** What determines the order of candidates. */
export interface Ordering {
  readonly requested: RoutingPreferences
  readonly sort: ProviderSort | undefined
  readonly direct: ReadonlySet<string>
  readonly performanceOf: PerformanceOf
}

export type Compare = (a: EndpointCandidate, b: EndpointCandidate) => number

/** Best first. */
export function sortCandidates(
  candidates: readonly EndpointCandidate[],
  ordering: Ordering,
): readonly EndpointCandidate[] {
  return [...candidates].sort(compareCandidates(ordering))
}

/** Providers of `provider.order` first, then those that support more of the request, then by the requested sort. */
export function compareCandidates(ordering: Ordering): Compare {
  const rules = [byPlace(ordering), byFeatures(ordering), byThresholds(ordering), bySort(ordering)]
  return (a, b) => {
    for (const rule of rules) {
      const result = rule(a, b)
      if (result !== 0) return result
    }
    return compareText(a.endpoint.id, b.endpoint.id)
  }
}

function byPlace({ requested: { preferences }, direct }: Ordering): Compare {
  const { order } = preferences
  if (order === undefined) return () => 0
  const rank = (candidate: EndpointCandidate): number => {
    const at = indexInSlugs(order, candidate, direct)
    return at === -1 ? order.length : at
  }
  return (a, b) => rank(a) - rank(b)
}

/** OpenRouter's soft preference: an endpoint without these is tried last, but not excluded. */
const SOFT = ['tools', 'response_format', 'verbosity']

function byFeatures({ requested: { needs } }: Ordering): Compare {
  const wanted = SOFT.filter((name) => needs.parameters.includes(name))
  if (wanted.length === 0) return () => 0
  const missing = (candidate: EndpointCandidate): number =>
    candidate.state.speaksOpenRouter === true
      ? 0
      : wanted.filter((name) => !supportsParameter(candidate, name)).length
  return (a, b) => missing(a) - missing(b)
}

/** An endpoint that misses a threshold comes after those that meet it or were never measured. */
function byThresholds({ requested: { preferences }, performanceOf }: Ordering): Compare {
  const { minThroughput, maxLatency } = preferences
  if (minThroughput === undefined && maxLatency === undefined) return () => 0
  const misses = ({ endpoint }: EndpointCandidate): number => {
    const performance = performanceOf(endpoint.id)
    const tooSlow = fails(minThroughput, performance?.throughput, (bound, is) => is < bound)
    const tooHighLatency = fails(maxLatency, performance?.latency, (bound, is) => is > bound * 1000)
    return (tooSlow ? 1 : 0) + (tooHighLatency ? 1 : 0)
  }
  return (a, b) => misses(a) - misses(b)
}

const RANKS = ['p50', 'p75', 'p90', 'p99'] as const

function fails(
  bounds: Percentiles | undefined,
  measured: Percentile | undefined,
  isWorse: (bound: number, is: number) => boolean,
): boolean {
  if (bounds === undefined || measured === undefined) return false
  return RANKS.some((rank) => {
    const bound = bounds[rank]
    return bound !== undefined && isWorse(bound, measured[rank])
  })
}

/** By default: the priority of the models file, then the price. `exacto` has no other measure here either. */
function bySort({ sort, performanceOf }: Ordering): Compare {
  const usual: Compare = (a, b) =>
    a.endpoint.priority - b.endpoint.priority || comparePrices(a.endpoint, b.endpoint)
  if (sort === 'price')
    return (a, b) => comparePrices(a.endpoint, b.endpoint) || a.endpoint.priority - b.endpoint.priority
  const measure = sort === undefined ? undefined : MEASURES[sort]
  if (measure === undefined) return usual
  const measured = ({ endpoint }: EndpointCandidate) => measure(performanceOf(endpoint.id))
  return (a, b) => compareKnown(measured(a), measured(b)) || usual(a, b)
}

/** Smaller is better. */
const MEASURES: Readonly<
  Partial<Record<ProviderSort, (performance: EndpointPerformance | undefined) => number | undefined>>
> = {
  throughput: (performance) => negative(performance?.throughput),
  latency: (performance) => performance?.latency?.p50,
}

function negative(measured: Percentile | undefined): number | undefined {
  return measured === undefined ? undefined : -measured.p50
}
