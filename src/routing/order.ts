import type { Percentiles, ProviderSort } from '../wire/openai/provider-preferences.ts'
import type { RoutingWishes } from '../wire/openai/routing-preferences.ts'
import { compareKnown, comparePrices, compareText } from './compare.ts'
import { knowsParameter } from './filters.ts'
import type { EndpointFigures, FiguresOf, Offer, Percentile } from './endpoint-candidate.ts'
import { placeIn } from './provider-slugs.ts'

/** What determines the order of candidates. */
export interface Ordering {
  readonly wishes: RoutingWishes
  readonly sort: ProviderSort | undefined
  readonly direct: ReadonlySet<string>
  readonly figuresOf: FiguresOf
}

export type Compare = (a: Offer, b: Offer) => number

/** Best first. */
export function inOrder(offers: readonly Offer[], ordering: Ordering): readonly Offer[] {
  return [...offers].sort(betterOffer(ordering))
}

/** Providers of `provider.order` first, then those that support more of the request, then by the requested sort. */
export function betterOffer(ordering: Ordering): Compare {
  const rules = [byPlace(ordering), byFeatures(ordering), byThresholds(ordering), bySort(ordering)]
  return (a, b) => {
    for (const rule of rules) {
      const result = rule(a, b)
      if (result !== 0) return result
    }
    return compareText(a.endpoint.id, b.endpoint.id)
  }
}

function byPlace({ wishes: { preferences }, direct }: Ordering): Compare {
  const { order } = preferences
  if (order === undefined) return () => 0
  const place = (offer: Offer): number => {
    const at = placeIn(order, offer, direct)
    return at === -1 ? order.length : at
  }
  return (a, b) => place(a) - place(b)
}

/** OpenRouter's soft preference: an endpoint without these is tried last, but not excluded. */
const SOFT = ['tools', 'response_format', 'verbosity']

function byFeatures({ wishes: { needs } }: Ordering): Compare {
  const wanted = SOFT.filter((name) => needs.parameters.includes(name))
  if (wanted.length === 0) return () => 0
  const missing = (offer: Offer): number =>
    offer.state.speaksOpenRouter === true ? 0 : wanted.filter((name) => !knowsParameter(offer, name)).length
  return (a, b) => missing(a) - missing(b)
}

/** An endpoint that misses a threshold comes after those that meet it or were never measured. */
function byThresholds({ wishes: { preferences }, figuresOf }: Ordering): Compare {
  const { minThroughput, maxLatency } = preferences
  if (minThroughput === undefined && maxLatency === undefined) return () => 0
  const misses = ({ endpoint }: Offer): number => {
    const figures = figuresOf(endpoint.id)
    const tooSlow = fails(minThroughput, figures?.throughput, (bound, is) => is < bound)
    const tooLate = fails(maxLatency, figures?.latency, (bound, is) => is > bound * 1000)
    return (tooSlow ? 1 : 0) + (tooLate ? 1 : 0)
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
function bySort({ sort, figuresOf }: Ordering): Compare {
  const usual: Compare = (a, b) =>
    a.endpoint.priority - b.endpoint.priority || comparePrices(a.endpoint, b.endpoint)
  if (sort === 'price')
    return (a, b) => comparePrices(a.endpoint, b.endpoint) || a.endpoint.priority - b.endpoint.priority
  const measure = sort === undefined ? undefined : MEASURES[sort]
  if (measure === undefined) return usual
  const measured = ({ endpoint }: Offer) => measure(figuresOf(endpoint.id))
  return (a, b) => compareKnown(measured(a), measured(b)) || usual(a, b)
}

/** Smaller is better. */
const MEASURES: Readonly<
  Partial<Record<ProviderSort, (figures: EndpointFigures | undefined) => number | undefined>>
> = {
  throughput: (figures) => negative(figures?.throughput),
  latency: (figures) => figures?.latency?.p50,
}

function negative(measured: Percentile | undefined): number | undefined {
  return measured === undefined ? undefined : -measured.p50
}
