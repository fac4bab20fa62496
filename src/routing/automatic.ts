import type { Model, ModelKind } from '../catalog/catalog.ts'
import { compareDearer, comparePrices, compareText } from './compare.ts'
import { nothingConfigured } from './none-left.ts'
import type { Offer, ProviderState, RouteSurroundings } from './offer.ts'
import type { Strategy } from './resolve-model.ts'

/** One offer of every model that can be asked, best first by the strategy. Throws `none-fits` when there is none. */
export function automaticOffers(
  kind: ModelKind,
  strategy: Strategy,
  { catalog, providers }: RouteSurroundings,
): readonly Offer[] {
  const models = [...catalog.models.values()].filter((model) => model.kind === kind)
  const offers = models.flatMap((model) => bestOffer(model, providers))
  const real = offers.filter(({ state }) => !state.isStandIn)
  const chosen = real.filter(({ model }) => model.isDiscovered !== true)
  const pool = [chosen, real, offers].find((some) => some.length > 0) ?? []
  if (pool.length === 0) throw nothingConfigured(kind)
  return pool.sort(strategy === 'cheapest' ? byPrice : byTierThenPrice)
}

/** The endpoint by which a model would be asked; none when no provider of it is there. */
function bestOffer(model: Model, providers: ReadonlyMap<string, ProviderState>): Offer[] {
  const offers = model.endpoints.flatMap((endpoint): Offer[] => {
    const state = providers.get(endpoint.provider)
    return state === undefined ? [] : [{ model, endpoint, state }]
  })
  return offers.sort(byPriorityThenPrice).slice(0, 1)
}

function byPriorityThenPrice(a: Offer, b: Offer): number {
  return a.endpoint.priority - b.endpoint.priority || byPrice(a, b)
}

function byPrice(a: Offer, b: Offer): number {
  return comparePrices(a.endpoint, b.endpoint) || compareText(a.endpoint.id, b.endpoint.id)
}

const TIERS = ['premium', 'standard', 'economy', 'free']

/** Within a tier the dearer model goes first: price is the only measure of quality that every provider publishes. */
function byTierThenPrice(a: Offer, b: Offer): number {
  return rankOf(a.model.tier) - rankOf(b.model.tier) || compareDearer(a.endpoint, b.endpoint) || byPrice(a, b)
}

function rankOf(tier: string): number {
  const rank = TIERS.indexOf(tier)
  return rank === -1 ? TIERS.length : rank
}
