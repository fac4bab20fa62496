import { describe, expect, test } from 'vitest'
import type { EndpointPerformance, Percentile } from '../../src/routing/endpoint-candidate.ts'
import { route } from '../../src/routing/route.ts'
import { parsePreferences } from '../../src/wire/openai/routing/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing/routing-preferences.ts'
import { catalogOf, providers } from './samples.ts'

const catalog = catalogOf({
  one: {
    offers: [
      { at: 'dear/one', priority: 1, usd: 3 },
      { at: 'middling/one', priority: 2, usd: 2 },
      { at: 'cheap/one', priority: 3, usd: 1 },
      { at: 'new/one', priority: 4, usd: 4 },
    ],
  },
  two: {
    offers: [
      { at: 'cheap/two', priority: 1, usd: 0.5 },
      { at: 'dear/two', priority: 2, usd: 5 },
    ],
  },
})

/** The median, and how much worse each later percentile is. */
const spread = (p50: number, step: number): Percentile => ({
  p50,
  p75: p50 + step,
  p90: p50 + 2 * step,
  p99: p50 + 3 * step,
})

/** Milliseconds to the first token and tokens a second; `new` was never measured. */
const PERFORMANCE: Readonly<Record<string, EndpointPerformance>> = {
  'dear/one': { latency: spread(900, 1000), throughput: spread(40, -10) },
  'middling/one': { latency: spread(500, 100), throughput: spread(80, -5) },
  'cheap/one': { latency: spread(300, 2000), throughput: spread(120, -40) },
  'cheap/two': { latency: spread(200, 100), throughput: spread(20, -1) },
  'dear/two': { latency: spread(700, 100), throughput: spread(200, -1) },
}

const all = providers('dear', 'middling', 'cheap', 'new')

function ids(provider: object, models: readonly string[] = ['one']): string[] {
  const [model = '', ...otherModels] = models
  const requested = { model, otherModels, preferences: parsePreferences(provider), needs: NO_NEEDS }
  const input = { catalog, providers: all, performanceOf: (id: string) => PERFORMANCE[id] }
  return route({ kind: 'chat', strategy: 'best', requested }, input).candidates.map(({ id }) => id)
}

const names = (provider: object): string[] => ids(provider).map((id) => id.split('/')[0] ?? '')

describe('provider.sort', () => {
  test('by price puts the cheapest first', () => {
    expect(names({ sort: 'price' })).toEqual(['cheap', 'middling', 'dear', 'new'])
  })

  test('by throughput puts the highest median tokens per second first, an unmeasured endpoint last', () => {
    expect(names({ sort: 'throughput' })).toEqual(['cheap', 'middling', 'dear', 'new'])
  })

  test('by latency puts the earliest first token first', () => {
    expect(names({ sort: 'latency' })).toEqual(['cheap', 'middling', 'dear', 'new'])
    expect(ids({ sort: 'latency' }, ['two'])).toEqual(['cheap/two', 'dear/two'])
  })

  test('may be an object, which has no effect without `by`', () => {
    expect(names({ sort: { by: 'price' } })).toEqual(names({ sort: 'price' }))
    expect(names({ sort: {} })).toEqual(names({}))
    expect(names({ sort: { by: null, partition: null } })).toEqual(names({}))
  })

  test('sorts within each model, unless its partition is “none”', () => {
    expect(ids({ sort: { by: 'throughput', partition: 'model' } }, ['two', 'one'])).toEqual([
      'dear/two',
      'cheap/two',
      'cheap/one',
      'middling/one',
      'dear/one',
      'new/one',
    ])
    expect(ids({ sort: { by: 'throughput', partition: 'none' } }, ['two', 'one'])).toEqual([
      'dear/two',
      'cheap/one',
      'middling/one',
      'dear/one',
      'cheap/two',
      'new/one',
    ])
  })

  test('applies after provider.order', () => {
    expect(names({ order: ['new'], sort: 'price' })).toEqual(['new', 'cheap', 'middling', 'dear'])
  })
})

describe('a threshold puts endpoints that miss it last and excludes none', () => {
  test.each([
    [
      'throughput, where a bare number is the median',
      { preferred_min_throughput: 50 },
      'middling cheap new dear',
    ],
    ['throughput of nine in ten', { preferred_min_throughput: { p90: 50 } }, 'middling new dear cheap'],
    ['latency in seconds', { preferred_max_latency: 0.6 }, 'middling cheap new dear'],
    ['latency of nine in ten', { preferred_max_latency: { p90: 1 } }, 'middling new dear cheap'],
    [
      'latency at several percentiles, which must all be met',
      { preferred_max_latency: { p50: 0.4, p99: 1 } },
      'new dear middling cheap',
    ],
    [
      'two thresholds, where missing both ranks after missing one',
      { preferred_min_throughput: { p50: 50 }, preferred_max_latency: { p99: 1 } },
      'middling new cheap dear',
    ],
    [
      'a threshold together with a sort, which applies after it',
      { preferred_max_latency: { p90: 1 }, sort: 'price' },
      'middling new cheap dear',
    ],
  ])('%s', (_name, provider, order) => {
    expect(names(provider).join(' ')).toBe(order)
  })
})
