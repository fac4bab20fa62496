import { priceToWire } from '../../../catalog/sources/mother-models.ts'
import { POLICY_VERSION } from '../../../cascade/hop/policy.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { Listed } from './model-filters.ts'

/** What a broker below has to know of a model beyond OpenRouter's row. */
export function motherRow(
  { model, endpoint }: Listed,
  providers: ReadonlyMap<string, Provider>,
): Record<string, unknown> {
  const served = model.endpoints.filter(({ provider }) => providers.has(provider))
  return {
    policy: POLICY_VERSION,
    kind: model.kind,
    tier: model.tier,
    capabilities: model.capabilities,
    is_stand_in: served.every(({ provider }) => providers.get(provider)?.isMock === true),
    hops: Math.min(...served.map(({ hops = 0 }) => hops)),
    price: priceToWire(endpoint.price),
  }
}
