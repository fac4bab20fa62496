import { BrokerError } from '../../../base/errors.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { compareDearer, compareKnown, comparePrices } from '../../../routing/compare.ts'
import type { Listed } from './model-filters.ts'

type Compare = (a: Listed, b: Listed, rooms: Rooms) => number

/** OpenRouter's sorts that we can judge; what isn't known stands last. */
const SORTS: Readonly<Record<string, Compare>> = {
  newest: (a, b) => createdOf(b) - createdOf(a),
  'pricing-low-to-high': (a, b) => comparePrices(a.endpoint, b.endpoint),
  'pricing-high-to-low': (a, b) => compareDearer(a.endpoint, b.endpoint),
  'context-high-to-low': (a, b) => (b.model.contextWindow ?? 0) - (a.model.contextWindow ?? 0),
  'throughput-high-to-low': (a, b, { figures }) =>
    compareKnown(
      negative(figures.of(a.endpoint.id)?.throughput?.p50),
      negative(figures.of(b.endpoint.id)?.throughput?.p50),
    ),
  'latency-low-to-high': (a, b, { figures }) =>
    compareKnown(figures.of(a.endpoint.id)?.latency?.p50, figures.of(b.endpoint.id)?.latency?.p50),
}

/** Of facts that we don't have: the list stays in its usual order. */
const UNKNOWN_HERE = [
  'most-popular',
  'top-weekly',
  'intelligence-high-to-low',
  'coding-high-to-low',
  'agentic-high-to-low',
  'design-arena-elo-high-to-low',
]

/** The models in the order that was asked for. Throws `bad-request` for a sort that nobody knows. */
export function inSort(models: readonly Listed[], sort: unknown, rooms: Rooms): readonly Listed[] {
  if (typeof sort !== 'string' || sort === '' || UNKNOWN_HERE.includes(sort)) return models
  const compare = Object.hasOwn(SORTS, sort) ? SORTS[sort] : undefined
  if (compare !== undefined) return [...models].sort((a, b) => compare(a, b, rooms))
  const known = [...Object.keys(SORTS), ...UNKNOWN_HERE].join(', ')
  throw new BrokerError('bad-request', `“sort” can't be ${sort}; it is one of ${known}`)
}

function createdOf({ model }: Listed): number {
  return model.listing?.created ?? 0
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : -value
}
