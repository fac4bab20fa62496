import { describe, expect, test } from 'vitest'
import type { EndpointFigures, Percentile } from '../../src/routing/endpoint-candidate.ts'
import { route } from '../../src/routing/route.ts'
import { parsePreferences } from '../../src/wire/openai/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing-preferences.ts'
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

/** Milliseconds to the first token and tokens a second; `new` was never asked. */
const FIGURES: Readonly<Record<string, EndpointFigures>> = {
  'dear/one': { latency: spread(900, 1000), throughput: spread(40, -10) },
  'middling/one': { latency: spread(500, 100), throughput: spread(80, -5) },
  'cheap/one': { latency: spread(300, 2000), throughput: spread(120, -40) },
  'cheap/two': { latency: spread(200, 100), throughput: spread(20, -1) },
  'dear/two': { latency: spread(700, 100), throughput: spread(200, -1) },
}

const all = providers('dear', 'middling', 'cheap', 'new')

function ids(provider: object, models: readonly string[] = ['one']): string[] {
  const [model = '', ...otherModels] = models
  const wishes = { model, otherModels, preferences: parsePreferences(provider), needs: NO_NEEDS }
  const around = { catalog, providers: all, figuresOf: (id: string) => FIGURES[id] }
  return route({ kind: 'chat', strategy: 'best', wishes }, around).candidates.map(({ id }) => id)
}

const names = (provider: object): string[] => ids(provider).map((id) => id.split('/')[0] ?? '')

describe('a sort', () => {
  test('by price is cheapest first', () => {
    expect(names({ sort: 'price' })).toEqual(['cheap', 'middling', 'dear', 'new'])
  })

  test('by throughput is the most tokens a second at the median first, who was never measured last', () => {
    expect(names({ sort: 'throughput' })).toEqual(['cheap', 'middling', 'dear', 'new'])
  })

  test('by latency is the soonest first token first', () => {
    expect(names({ sort: 'latency' })).toEqual(['cheap', 'middling', 'dear', 'new'])
    expect(ids({ sort: 'latency' }, ['two'])).toEqual(['cheap/two', 'dear/two'])
  })

  test('may be an object, which without `by` wishes nothing', () => {
    expect(names({ sort: { by: 'price' } })).toEqual(names({ sort: 'price' }))
    expect(names({ sort: {} })).toEqual(names({}))
    expect(names({ sort: { by: null, partition: null } })).toEqual(names({}))
  })

  test('keeps the models apart, unless its partition is “none”', () => {
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

  test('stands behind the order that is named', () => {
    expect(names({ order: ['new'], sort: 'price' })).toEqual(['new', 'cheap', 'middling', 'dear'])
  })
})

describe('a threshold puts who misses it last and leaves nobody out', () => {
  test.each([
    [
      'throughput, a bare number being the median',
      { preferred_min_throughput: 50 },
      'middling cheap new dear',
    ],
    ['throughput of nine in ten', { preferred_min_throughput: { p90: 50 } }, 'middling new dear cheap'],
    ['latency in seconds', { preferred_max_latency: 0.6 }, 'middling cheap new dear'],
    ['latency of nine in ten', { preferred_max_latency: { p90: 1 } }, 'middling new dear cheap'],
    ['all percentiles must hold', { preferred_max_latency: { p50: 0.4, p99: 1 } }, 'new dear middling cheap'],
    [
      'of two, who misses both stands behind who misses one',
      { preferred_min_throughput: { p50: 50 }, preferred_max_latency: { p99: 1 } },
      'middling new cheap dear',
    ],
    ['before the sort', { preferred_max_latency: { p90: 1 }, sort: 'price' }, 'middling new cheap dear'],
  ])('%s', (_name, provider, order) => {
    expect(names(provider).join(' ')).toBe(order)
  })
})
