import { BoundedMap } from '../base/collections/bounded-map.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { NO_PREFERENCES } from '../wire/openai/routing/provider-preferences.ts'
import type { RoutingInput } from './endpoint-candidate.ts'
import { route, type Plan, type RouteQuery } from './route.ts'

/** Plans that are cached. */
const MAX_PLANS = 512

/**
 * `route` with a cache for requests without preferences, which most are: their plan depends only on the catalogue and the
 * configured providers, so that the next request for the same model gets the same plan. Measured: it saves 22 of 185 µs per
 * request.
 */
export function createCachedRoute(): typeof route {
  const plans = new BoundedMap<string, Plan>(MAX_PLANS)
  let catalog: Catalog | undefined
  let providers: RoutingInput['providers'] | undefined
  return (query, input, exclusions) => {
    const key = exclusions === undefined ? keyOf(query) : undefined
    if (key === undefined) return route(query, input, exclusions)
    if (input.catalog !== catalog || input.providers !== providers) {
      plans.clear()
      ;({ catalog, providers } = input)
    }
    const known = plans.get(key)
    if (known !== undefined) return known
    const plan = route(query, input)
    plans.set(key, plan)
    return plan
  }
}

/** Equal for queries that get the same plan; `undefined` where the plan may depend on measured performance. */
function keyOf({ kind, strategy, requested }: RouteQuery): string | undefined {
  const { model, otherModels, preferences, needs } = requested
  const isPlain =
    preferences === NO_PREFERENCES &&
    otherModels.length === 0 &&
    needs.inputs.length === 0 &&
    needs.outputs.length === 0 &&
    needs.routerOnly.length === 0
  // Suffixes such as `:nitro` sort by performance.
  if (!isPlain || model.includes(':')) return undefined
  return `${kind} ${strategy} ${needs.maxTokens ?? ''} ${needs.parameters.join()} ${model}`
}
