import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { ProviderSort } from '../wire/openai/provider-preferences.ts'
import type { RoutingWishes } from '../wire/openai/routing-preferences.ts'
import { automaticOffers, bestOfEach } from './auto-model.ts'
import { FILTERS, type Filter, type FilterContext } from './filters.ts'
import { noneLeft, noProvider, type Funnel } from './routing-errors.ts'
import type { Exclusion, LeftOut, Offer, ProviderState, RouteSurroundings } from './endpoint-candidate.ts'
import { betterOffer, inOrder } from './order.ts'
import { resolveModel, type Resolved, type Strategy } from './resolve-model.ts'
import { directProviders } from './provider-slugs.ts'

export interface RouteQuery {
  readonly kind: ModelKind
  readonly wishes: RoutingWishes
  /** What `auto` means. */
  readonly strategy: Strategy
}

/** Whom to ask. */
export interface Plan {
  /** Best first. */
  readonly candidates: readonly Endpoint[]
}

/** More endpoints than this are never tried for one model. */
const MOST_CANDIDATES = 6

/**
 * The endpoints to ask for this request, best first. Pure: the same query and surroundings give the same plan. Throws
 * `no-such-model` or `none-fits` with the constraint that left nothing, for the first model when none can answer. Who
 * is left out, and why, goes into `leftOut` where one is given.
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
    // Of a variant OpenRouter has other endpoints, and of hundreds of models nobody knows them all.
    behind: resolved.type === 'auto' || variants.length > 0 ? undefined : around.behind,
  }
  const left = sieve(offers, context, name, leftOut)
  const ordering = { wishes, sort, direct: context.direct, figuresOf: around.figuresOf }
  const ordered =
    resolved.type === 'auto'
      ? bestOfEach(left, resolved.strategy ?? query.strategy, betterOffer(ordering), leftOut)
      : inOrder(left, ordering)
  return { offers: shortened(ordered, wishes, leftOut), sort }
}

/** What is offered of a model by those who are set up here. Throws `none-fits` when none is. */
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

const NOT_SET_UP = { step: 'Filter by Configured Providers', reason: 'its provider is not set up here' }

/** Takes every offer through the filters, and remembers who fell where. */
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

/** As many as are ever tried. Without an order, no fallbacks means one provider and its own error. */
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
      reason: isAlone ? 'is not the best one, and fallbacks are off' : `stands behind the ${most} best`,
    })
  return offers.slice(0, most)
}

/** One model after the other, unless the caller wants all of them in one order. */
function candidatesOf(
  plans: readonly ModelPlan[],
  { wishes }: RouteQuery,
  { figuresOf }: RouteSurroundings,
): readonly Endpoint[] {
  const [first] = plans
  const offers = plans.length === 1 && first !== undefined ? first.offers : onceEach(plans)
  if (!wishes.preferences.sortsAcrossModels) return offers.map(({ endpoint }) => endpoint)
  const ordering = { wishes, sort: first?.sort ?? 'price', direct: directProviders(offers), figuresOf }
  return inOrder(offers, ordering).map(({ endpoint }) => endpoint)
}

/** A model may be named twice, or under two names. */
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

/** A router understands the suffixes itself. */
function asVariant(endpoint: Endpoint, state: ProviderState, variants: readonly string[]): Endpoint {
  if (state.speaksOpenRouter !== true || variants.length === 0) return endpoint
  return { ...endpoint, modelId: [endpoint.modelId, ...variants].join(':') }
}
