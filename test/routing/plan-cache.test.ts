import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseUsd } from '../../src/base/money.ts'
import type { Catalog, Endpoint } from '../../src/catalog/catalog.ts'
import { createCachedRoute } from '../../src/routing/plan-cache.ts'
import { route, type Plan, type RouteQuery } from '../../src/routing/route.ts'
import type { ExclusionLog, RoutingInput } from '../../src/routing/endpoint-candidate.ts'
import { NO_PREFERENCES } from '../../src/wire/openai/routing/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing/routing-preferences.ts'

function endpointOf(provider: string, model: string, usd: number): Endpoint {
  const price = { input: parseUsd(usd), output: parseUsd(usd), source: undefined, date: undefined }
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
const sets = [['a'], ['a', 'b'], []].map((ids) => new Map(ids.map((id) => [id, { isMock: false }])))

const input: fc.Arbitrary<RoutingInput> = fc.record({
  catalog: fc.constantFrom(catalogs.a, catalogs.b),
  providers: fc.constantFrom(...sets),
  performanceOf: fc.constant(() => undefined),
})

const query: fc.Arbitrary<RouteQuery> = fc.record({
  kind: fc.constant('chat'),
  strategy: fc.constantFrom('cheapest', 'best'),
  requested: fc.record({
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
    fc.property(fc.array(fc.tuple(query, input), { maxLength: 30 }), (queries) => {
      const cachedRoute = createCachedRoute()
      for (const [sentQuery, currentInput] of queries)
        expect(outcomeOf(() => cachedRoute(sentQuery, currentInput))).toEqual(
          outcomeOf(() => route(sentQuery, currentInput)),
        )
    }),
  )
})

test('an equal query gets the same plan object until the catalogue changes', () => {
  const cachedRoute = createCachedRoute()
  const requested = { model: 'm', otherModels: [], preferences: NO_PREFERENCES, needs: NO_NEEDS }
  const sentQuery: RouteQuery = { kind: 'chat', strategy: 'cheapest', requested }
  const currentInput = {
    catalog: catalogs.a,
    providers: sets[1] ?? new Map(),
    performanceOf: () => undefined,
  }
  const first = cachedRoute(sentQuery, currentInput)
  expect(cachedRoute({ ...sentQuery }, { ...currentInput })).toBe(first)
  expect(cachedRoute(sentQuery, { ...currentInput, catalog: catalogs.b })).not.toBe(first)
})

test('a query with an exclusion log gets all exclusions, although its plan is cached', () => {
  const cachedRoute = createCachedRoute()
  const routingInput: RoutingInput = {
    catalog: catalogs.a,
    providers: new Map([['a', { isMock: false }]]),
    performanceOf: () => undefined,
  }
  const sentQuery: RouteQuery = {
    kind: 'chat',
    strategy: 'best',
    requested: { model: 'm', otherModels: [], preferences: NO_PREFERENCES, needs: NO_NEEDS },
  }
  cachedRoute(sentQuery, routingInput)
  const exclusions: ExclusionLog = { endpoints: [], models: [] }
  cachedRoute(sentQuery, routingInput, exclusions)
  expect(exclusions.endpoints.map(({ endpoint }) => endpoint.id)).toEqual(['b/m'])
})
