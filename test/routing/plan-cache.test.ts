import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dollars } from '../../src/base/money.ts'
import type { Catalog, Endpoint } from '../../src/catalog/catalog.ts'
import { rememberingRoute } from '../../src/routing/plan-cache.ts'
import { route, type Plan, type RouteQuery } from '../../src/routing/route.ts'
import type { LeftOut, RouteSurroundings } from '../../src/routing/endpoint-candidate.ts'
import { NO_PREFERENCES } from '../../src/wire/openai/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing-preferences.ts'

function endpointOf(provider: string, model: string, usd: number): Endpoint {
  const price = { input: dollars(usd), output: dollars(usd), source: undefined, date: undefined }
  const rest = { priority: 1, contextWindow: undefined, maxOutputTokens: 1000 }
  return { id: `${provider}/${model}`, provider, modelId: model, model, price, ...rest }
}

/** Two models at two providers; `cheap` is the cheaper provider. */
function catalogOf(cheap: 'a' | 'b'): Catalog {
  const usd = (provider: string): number => (provider === cheap ? 1 : 2)
  const models = ['m', 'n'].map((id) => ({
    id,
    displayName: id,
    kind: 'chat' as const,
    tier: 'standard',
    capabilities: [],
    contextWindow: undefined,
    maxOutputTokens: undefined,
    endpoints: ['a', 'b'].map((provider) => endpointOf(provider, id, usd(provider))),
  }))
  const endpoints = models.flatMap((model) => model.endpoints)
  return {
    version: cheap,
    models: new Map(models.map((model) => [model.id, model])),
    endpoints: new Map(endpoints.map((endpoint) => [endpoint.id, endpoint])),
  }
}

const catalogs = { a: catalogOf('a'), b: catalogOf('b') }
const sets = [['a'], ['a', 'b'], []].map((ids) => new Map(ids.map((id) => [id, { isStandIn: false }])))

const around: fc.Arbitrary<RouteSurroundings> = fc.record({
  catalog: fc.constantFrom(catalogs.a, catalogs.b),
  providers: fc.constantFrom(...sets),
  figuresOf: fc.constant(() => undefined),
})

const query: fc.Arbitrary<RouteQuery> = fc.record({
  kind: fc.constant('chat'),
  strategy: fc.constantFrom('cheapest', 'best'),
  wishes: fc.record({
    model: fc.constantFrom('m', 'n', 'auto', 'a/m', 'm:nitro', 'none'),
    otherModels: fc.constantFrom([], ['n']),
    preferences: fc.constantFrom(NO_PREFERENCES, { ...NO_PREFERENCES, ignore: ['a'] }),
    needs: fc
      .record({ maxTokens: fc.constantFrom(undefined, 10, 2000), inputs: fc.constantFrom([], ['image']) })
      .map((needs) => ({ ...NO_NEEDS, ...needs })),
  }),
})

function outcomeOf(plan: () => Plan): unknown {
  try {
    return plan()
  } catch (error) {
    return error
  }
}

test('a cached plan equals a new one, after any sequence of queries, catalogues and providers', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(query, around), { maxLength: 30 }), (questions) => {
      const remembering = rememberingRoute()
      for (const [asked, here] of questions)
        expect(outcomeOf(() => remembering(asked, here))).toEqual(outcomeOf(() => route(asked, here)))
    }),
  )
})

test('an equal query gets the same plan object until the catalogue changes', () => {
  const remembering = rememberingRoute()
  const wishes = { model: 'm', otherModels: [], preferences: NO_PREFERENCES, needs: NO_NEEDS }
  const asked: RouteQuery = { kind: 'chat', strategy: 'cheapest', wishes }
  const here = { catalog: catalogs.a, providers: sets[1] ?? new Map(), figuresOf: () => undefined }
  const first = remembering(asked, here)
  expect(remembering({ ...asked }, { ...here })).toBe(first)
  expect(remembering(asked, { ...here, catalog: catalogs.b })).not.toBe(first)
})

test('a query with an exclusion log gets all exclusions, although its plan is cached', () => {
  const remembering = rememberingRoute()
  const surroundings: RouteSurroundings = {
    catalog: catalogs.a,
    providers: new Map([['a', { isStandIn: false }]]),
    figuresOf: () => undefined,
  }
  const asked: RouteQuery = {
    kind: 'chat',
    strategy: 'best',
    wishes: { model: 'm', otherModels: [], preferences: NO_PREFERENCES, needs: NO_NEEDS },
  }
  remembering(asked, surroundings)
  const leftOut: LeftOut = { endpoints: [], models: [] }
  remembering(asked, surroundings, leftOut)
  expect(leftOut.endpoints.map(({ endpoint }) => endpoint.id)).toEqual(['b/m'])
})
