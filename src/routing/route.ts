import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { ProviderSort } from '../wire/openai/provider-preferences.ts'
import type { RoutingWishes } from '../wire/openai/routing-preferences.ts'
import { automaticOffers, bestOfEach } from './auto-model.ts'
import { FILTERS, type Filter, type FilterContext } from './filters.ts'
import { noneLeft, noProvider, type Funnel } from './routing-errors.ts'
import type { Exclusion, LeftOut, Offer, ProviderState, RouteSurroundings } from './endpoint-candidate.ts'
import { betterOffer, inOrder, type Ordering } from './order.ts'
import { resolveModel, type Resolved, type Strategy } from './resolve-model.ts'
import { directProviders } from './provider-slugs.ts'

export interface RouteQuery {
  readonly kind: ModelKind
  readonly wishes: RoutingWishes
  /** The strategy of `auto`. */
  readonly strategy: Strategy
}

/** The result of routing. */
export interface Plan {
  /** Best first. */
  readonly candidates: readonly Endpoint[]
}

/** At most so many endpoints are tried for one model. */
const MOST_CANDIDATES = 6

/**
 * The candidates for a request, best first. Pure: the same query and input give the same plan. Throws `no-such-model`, or
 * `none-fits` with the filter that excluded the last endpoint; when no model of the request has a candidate, the error is
 * that of the first. Excluded endpoints and the reasons go into `exclusions` where it is given.
 */
export function route(query: RouteQuery, surroundings: RouteSurroundings, leftOut?: LeftOut): Plan {
  const plans: ModelPlan[] = []
  const faults: unknown[] = []
  for (const name of [query.wishes.model, ...query.wishes.otherModels]) {
    try {
      plans.push(planFor(name, query, surroundings, leftOut))
    } catch (error) {
      faults.push(error)
      leftOut?.models.push({ model: name, error })
    }
  }
  if (plans.length === 0) throw faults[0]
  return { candidates: candidatesOf(plans, query, surroundings) }
}

interface ModelPlan {
  readonly offers: readonly Offer[]
  readonly sort: ProviderSort | undefined
}

function planFor(
  name: string,
  query: RouteQuery,
  around: RouteSurroundings,
  leftOut: LeftOut | undefined,
): ModelPlan {
  const { kind, wishes } = query
  const resolved = resolveModel(name, kind, around.catalog)
  const { variants } = resolved
  const sort = wishes.preferences.sort ?? sortOf(variants)
  const offers =
    resolved.type === 'auto'
      ? automaticOffers(kind, around, leftOut)
      : namedOffers(name, resolved, around, leftOut)
  const context: FilterContext = {
    wishes: { ...wishes, model: name },
    direct: directProviders(offers),
    variants: resolved.type === 'auto' ? [] : variants,
    // A variant has other endpoints at OpenRouter, and the endpoints of hundreds of models are not all known.
    behind: resolved.type === 'auto' || variants.length > 0 ? undefined : around.behind,
  }
  const left = sieve(offers, context, name, leftOut)
  const ordering: Ordering = { wishes, sort, direct: context.direct, figuresOf: around.figuresOf }
  const ordered =
    resolved.type === 'auto'
      ? bestOfEach(left, resolved.strategy ?? query.strategy, betterOffer(ordering), leftOut)
      : inOrder(left, ordering)
  return { offers: shortened(ordered, wishes, leftOut), sort }
}

/** The endpoints of a model at configured providers. Throws `none-fits` when there is none. */
function namedOffers(
  name: string,
  { model, endpoints, variants }: Extract<Resolved, { type: 'endpoints' }>,
  { providers }: RouteSurroundings,
  leftOut: LeftOut | undefined,
): readonly Offer[] {
  const offers: Offer[] = []
  for (const endpoint of endpoints) {
    const state = providers.get(endpoint.provider)
    if (state === undefined) leftOut?.endpoints.push({ endpoint, ...NOT_SET_UP })
    else offers.push({ model, endpoint: asVariant(endpoint, state, variants), state })
  }
  if (offers.length === 0) throw noProvider(name, endpoints)
  return offers
}

const NOT_SET_UP = { step: 'Filter by Configured Providers', reason: 'its provider is not configured' }

/** Applies all filters in turn. Throws `none-fits` when one excludes the last candidate. */
function sieve(
  offers: readonly Offer[],
  context: FilterContext,
  model: string,
  leftOut: LeftOut | undefined,
): readonly Offer[] {
  const funnel: Funnel = [{ step: 'Initial Endpoints', endpoint_count: offers.length }]
  const excluded: Exclusion[] = []
  let left = offers
  for (const filter of FILTERS) {
    const kept = left.filter((offer) => fits(offer, filter, context, excluded))
    if (kept.length !== left.length) funnel.push({ step: filter.step, endpoint_count: kept.length })
    if (kept.length === 0 && left.length > 0) {
      leftOut?.endpoints.push(...excluded)
      throw noneLeft({ model, filter, context, funnel, offers, excluded })
    }
    left = kept
  }
  leftOut?.endpoints.push(...excluded)
  return left
}

function fits(offer: Offer, filter: Filter, context: FilterContext, excluded: Exclusion[]): boolean {
  const reason = filter.fault(offer, context)
  if (reason !== undefined) excluded.push({ endpoint: offer.endpoint, step: filter.step, reason })
  return reason === undefined
}

/** Cuts the list to the candidates that may be tried. No fallbacks and no order mean one provider and its own error. */
function shortened(
  offers: readonly Offer[],
  { preferences }: RoutingWishes,
  leftOut: LeftOut | undefined,
): readonly Offer[] {
  const isAlone = !preferences.allowFallbacks && preferences.order === undefined
  const most = isAlone ? 1 : MOST_CANDIDATES
  for (const { endpoint } of leftOut === undefined ? [] : offers.slice(most))
    leftOut?.endpoints.push({
      endpoint,
      step: isAlone ? 'Filter by Fallback' : 'Most Candidates',
      reason: isAlone ? 'is not the best endpoint, and fallbacks are off' : `ranks after the ${most} best`,
    })
  return offers.slice(0, most)
}

/** The candidates of one model after the other, or of all models in one order where the request sorts across models. */
function candidatesOf(
  plans: readonly ModelPlan[],
  { wishes }: RouteQuery,
  { figuresOf }: RouteSurroundings,
): readonly Endpoint[] {
  const [first] = plans
  const offers = plans.length === 1 && first !== undefined ? first.offers : onceEach(plans)
  if (!wishes.preferences.sortsAcrossModels) return offers.map(({ endpoint }) => endpoint)
  const ordering: Ordering = {
    wishes,
    sort: first?.sort ?? 'price',
    direct: directProviders(offers),
    figuresOf,
  }
  return inOrder(offers, ordering).map(({ endpoint }) => endpoint)
}

/** Removes duplicates: a request may name a model twice, or under two names. */
function onceEach(plans: readonly ModelPlan[]): readonly Offer[] {
  const offers = new Map<string, Offer>()
  for (const offer of plans.flatMap((plan) => plan.offers))
    if (!offers.has(offer.endpoint.id)) offers.set(offer.endpoint.id, offer)
  return [...offers.values()]
}

const SORTS: Readonly<Record<string, ProviderSort>> = {
  nitro: 'throughput',
  floor: 'price',
  exacto: 'exacto',
}

function sortOf(variants: readonly string[]): ProviderSort | undefined {
  return variants.map((variant) => SORTS[variant]).find((sort) => sort !== undefined)
}

/** Appends the variant suffixes for a router, which understands them itself. */
function asVariant(endpoint: Endpoint, state: ProviderState, variants: readonly string[]): Endpoint {
  if (state.speaksOpenRouter !== true || variants.length === 0) return endpoint
  return { ...endpoint, modelId: [endpoint.modelId, ...variants].join(':') }
}
