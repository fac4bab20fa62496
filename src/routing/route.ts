import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { ProviderSort } from '../wire/provider-preferences.ts'
import type { RoutingWishes } from '../wire/routing-wishes.ts'
import { automaticOffers } from './automatic.ts'
import { FILTERS, type Filter, type FilterContext } from './filters.ts'
import { noneLeft, noProvider, type Funnel } from './none-left.ts'
import type { Exclusion, Offer, ProviderState, RouteSurroundings } from './offer.ts'
import { inOrder } from './order.ts'
import { resolveModel, type Strategy } from './resolve-model.ts'
import { directProviders } from './slugs.ts'

export interface RouteQuery {
  readonly kind: ModelKind
  readonly wishes: RoutingWishes
  /** What `auto` means. */
  readonly strategy: Strategy
}

/** Whom to ask, and whom not. */
export interface Plan {
  /** Best first. */
  readonly candidates: readonly Endpoint[]
  readonly excluded: readonly Exclusion[]
}

/** More endpoints than this are never tried for one model. */
const MOST_CANDIDATES = 6

/**
 * The endpoints to ask for this request, best first. Pure: the same query and surroundings give the same plan. Throws
 * `no-such-model` or `none-fits` with the constraint that left nothing, for the first model when none can answer.
 */
export function route(query: RouteQuery, surroundings: RouteSurroundings): Plan {
  const plans: ModelPlan[] = []
  const faults: unknown[] = []
  for (const name of [query.wishes.model, ...query.wishes.otherModels]) {
    try {
      plans.push(planFor(name, query, surroundings))
    } catch (error) {
      faults.push(error)
    }
  }
  if (plans.length === 0) throw faults[0]
  return {
    candidates: candidatesOf(plans, query, surroundings),
    excluded: plans.flatMap(({ excluded }) => excluded),
  }
}

interface ModelPlan {
  readonly offers: readonly Offer[]
  readonly excluded: readonly Exclusion[]
  readonly sort: ProviderSort | undefined
}

function planFor(name: string, { kind, wishes, strategy }: RouteQuery, around: RouteSurroundings): ModelPlan {
  const resolved = resolveModel(name, kind, around.catalog)
  const sort = wishes.preferences.sort ?? sortOf(resolved.variants)
  if (resolved.type === 'auto') {
    const offers = automaticOffers(kind, resolved.strategy ?? strategy, around)
    const context = { wishes: { ...wishes, model: name }, direct: directProviders(offers), variants: [] }
    const { offers: left, excluded } = sieve(offers, context, name)
    return { offers: onlyFirst(left.slice(0, MOST_CANDIDATES), wishes), excluded, sort }
  }
  const { model, endpoints, variants } = resolved
  const offers = endpoints.flatMap((endpoint): Offer[] => {
    const state = around.providers.get(endpoint.provider)
    return state === undefined ? [] : [{ model, endpoint: asVariant(endpoint, state, variants), state }]
  })
  if (offers.length === 0) throw noProvider(name, endpoints)
  const context = { wishes: { ...wishes, model: name }, direct: directProviders(offers), variants }
  const { offers: left, excluded } = sieve(offers, context, name)
  const absent = endpoints
    .filter(({ provider }) => !around.providers.has(provider))
    .map((endpoint) => ({
      endpoint,
      step: 'Filter by Configured Providers',
      reason: 'its provider is not set up here',
    }))
  const ordering = { wishes, sort, direct: context.direct, figuresOf: around.figuresOf }
  const ordered = inOrder(left, ordering).slice(0, MOST_CANDIDATES)
  return { offers: onlyFirst(ordered, wishes), excluded: [...absent, ...excluded], sort }
}

/** Takes every offer through the filters, and remembers who fell where. */
function sieve(
  offers: readonly Offer[],
  context: FilterContext,
  model: string,
): { offers: readonly Offer[]; excluded: readonly Exclusion[] } {
  const funnel: Funnel = [{ step: 'Initial Endpoints', endpoint_count: offers.length }]
  const excluded: Exclusion[] = []
  let left = offers
  for (const filter of FILTERS) {
    const kept = left.filter((offer) => fits(offer, filter, context, excluded))
    if (kept.length !== left.length) funnel.push({ step: filter.step, endpoint_count: kept.length })
    if (kept.length === 0 && left.length > 0)
      throw noneLeft({ model, filter, context, funnel, offers, excluded })
    left = kept
  }
  return { offers: left, excluded }
}

function fits(offer: Offer, filter: Filter, context: FilterContext, excluded: Exclusion[]): boolean {
  const reason = filter.fault(offer, context)
  if (reason !== undefined) excluded.push({ endpoint: offer.endpoint, step: filter.step, reason })
  return reason === undefined
}

/** Without an order, no fallbacks means one provider and its own error. */
function onlyFirst(offers: readonly Offer[], { preferences }: RoutingWishes): readonly Offer[] {
  return preferences.allowFallbacks || preferences.order !== undefined ? offers : offers.slice(0, 1)
}

/** One model after the other, unless the caller wants all of them in one order. */
function candidatesOf(
  plans: readonly ModelPlan[],
  { wishes }: RouteQuery,
  { figuresOf }: RouteSurroundings,
): readonly Endpoint[] {
  const offers = plans.flatMap((plan) => plan.offers)
  const [first] = plans
  if (!wishes.preferences.sortsAcrossModels) return offers.map(({ endpoint }) => endpoint)
  const ordering = { wishes, sort: first?.sort ?? 'price', direct: directProviders(offers), figuresOf }
  return inOrder(offers, ordering).map(({ endpoint }) => endpoint)
}

const SORTS: Readonly<Record<string, ProviderSort>> = {
  nitro: 'throughput',
  floor: 'price',
  exacto: 'exacto',
}

function sortOf(variants: readonly string[]): ProviderSort | undefined {
  return variants.map((variant) => SORTS[variant]).find((sort) => sort !== undefined)
}

/** A router understands the suffixes itself. */
function asVariant(endpoint: Endpoint, state: ProviderState, variants: readonly string[]): Endpoint {
  if (state.speaksOpenRouter !== true || variants.length === 0) return endpoint
  return { ...endpoint, modelId: [endpoint.modelId, ...variants].join(':') }
}
