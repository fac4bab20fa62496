import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { ProviderSort } from '../wire/openai/routing/provider-preferences.ts'
import type { RoutingPreferences } from '../wire/openai/routing/routing-preferences.ts'
import { automaticCandidates, bestOfEach } from './auto-model.ts'
import { FILTERS, type Filter, type FilterContext } from './filters.ts'
import { noMatchingEndpoint, noConfiguredProvider, type Funnel } from './routing-errors.ts'
import type {
  Exclusion,
  ExclusionLog,
  EndpointCandidate,
  ProviderState,
  RoutingInput,
} from './endpoint-candidate.ts'
import { compareCandidates, sortCandidates, type Ordering } from './order.ts'
import { resolveModel, type Resolved, type Strategy } from './resolve-model.ts'
import { directProviders } from './provider-slugs.ts'

export interface RouteQuery {
  readonly kind: ModelKind
  readonly requested: RoutingPreferences
  /** The strategy of `auto`. */
  readonly strategy: Strategy
}

/** The result of routing. */
export interface Plan {
  /** Best first. */
  readonly candidates: readonly Endpoint[]
}

/** At most so many endpoints are tried for one model. */
const MAX_CANDIDATES = 6

/**
 * The candidates for a request, best first. Pure: the same query and input give the same plan. Throws `no-such-model`, or
 * `none-fits` with the filter that excluded the last endpoint; when no model of the request has a candidate, the error is
 * that of the first. Excluded endpoints and the reasons go into `exclusions` where it is given.
 */
export function route(query: RouteQuery, input: RoutingInput, exclusions?: ExclusionLog): Plan {
  const plans: ModelPlan[] = []
  const errors: unknown[] = []
  for (const name of [query.requested.model, ...query.requested.otherModels]) {
    try {
      plans.push(planFor(name, query, input, exclusions))
    } catch (error) {
      errors.push(error)
      exclusions?.models.push({ model: name, error })
    }
  }
  if (plans.length === 0) throw errors[0]
  return { candidates: candidatesOf(plans, query, input) }
}

interface ModelPlan {
  readonly considered: readonly EndpointCandidate[]
  readonly sort: ProviderSort | undefined
}

function planFor(
  name: string,
  query: RouteQuery,
  input: RoutingInput,
  exclusions: ExclusionLog | undefined,
): ModelPlan {
  const { kind, requested } = query
  const resolved = resolveModel(name, kind, input.catalog)
  const { variants } = resolved
  const sort = requested.preferences.sort ?? sortOf(variants)
  const considered =
    resolved.type === 'auto'
      ? automaticCandidates(kind, input, exclusions)
      : namedCandidates(name, resolved, input, exclusions)
  const context: FilterContext = {
    requested: { ...requested, model: name },
    direct: directProviders(considered),
    variants: resolved.type === 'auto' ? [] : variants,
    // A variant has other endpoints at OpenRouter, and the endpoints of hundreds of models are not all known.
    routerEndpoints: resolved.type === 'auto' || variants.length > 0 ? undefined : input.routerEndpoints,
  }
  const remaining = applyFilters(considered, context, name, exclusions)
  const ordering: Ordering = { requested, sort, direct: context.direct, performanceOf: input.performanceOf }
  const ordered =
    resolved.type === 'auto'
      ? bestOfEach(remaining, resolved.strategy ?? query.strategy, compareCandidates(ordering), exclusions)
      : sortCandidates(remaining, ordering)
  return { considered: limitCandidates(ordered, requested, exclusions), sort }
}

/** The endpoints of a model at configured providers. Throws `none-fits` when there is none. */
function namedCandidates(
  name: string,
  { model, endpoints, variants }: Extract<Resolved, { type: 'endpoints' }>,
  { providers }: RoutingInput,
  exclusions: ExclusionLog | undefined,
): readonly EndpointCandidate[] {
  const considered: EndpointCandidate[] = []
  for (const endpoint of endpoints) {
    const state = providers.get(endpoint.provider)
    if (state === undefined) exclusions?.endpoints.push({ endpoint, ...NOT_CONFIGURED })
    else considered.push({ model, endpoint: withVariants(endpoint, state, variants), state })
  }
  if (considered.length === 0) throw noConfiguredProvider(name, endpoints)
  return considered
}

const NOT_CONFIGURED = { step: 'Filter by Configured Providers', reason: 'its provider is not configured' }

/** Applies all filters in turn. Throws `none-fits` when one excludes the last candidate. */
function applyFilters(
  considered: readonly EndpointCandidate[],
  context: FilterContext,
  model: string,
  exclusions: ExclusionLog | undefined,
): readonly EndpointCandidate[] {
  const funnel: Funnel = [{ step: 'Initial Endpoints', endpoint_count: considered.length }]
  const excluded: Exclusion[] = []
  let remaining = considered
  for (const filter of FILTERS) {
    const kept = remaining.filter((candidate) => passes(candidate, filter, context, excluded))
    if (kept.length !== remaining.length) funnel.push({ step: filter.step, endpoint_count: kept.length })
    if (kept.length === 0 && remaining.length > 0) {
      exclusions?.endpoints.push(...excluded)
      throw noMatchingEndpoint({ model, filter, context, funnel, candidates: considered, excluded })
    }
    remaining = kept
  }
  exclusions?.endpoints.push(...excluded)
  return remaining
}

function passes(
  candidate: EndpointCandidate,
  filter: Filter,
  context: FilterContext,
  excluded: Exclusion[],
): boolean {
  const reason = filter.rejectReason(candidate, context)
  if (reason !== undefined) excluded.push({ endpoint: candidate.endpoint, step: filter.step, reason })
  return reason === undefined
}

/** Cuts the list to the candidates that may be tried. No fallbacks and no order mean one provider and its own error. */
function limitCandidates(
  considered: readonly EndpointCandidate[],
  { preferences }: RoutingPreferences,
  exclusions: ExclusionLog | undefined,
): readonly EndpointCandidate[] {
  const isAlone = !preferences.allowFallbacks && preferences.order === undefined
  const max = isAlone ? 1 : MAX_CANDIDATES
  for (const { endpoint } of exclusions === undefined ? [] : considered.slice(max))
    exclusions?.endpoints.push({
      endpoint,
      step: isAlone ? 'Filter by Fallback' : 'Most Candidates',
      reason: isAlone ? 'is not the best endpoint, and fallbacks are off' : `ranks after the ${max} best`,
    })
  return considered.slice(0, max)
}

/** The candidates of one model after the other, or of all models in one order where the request sorts across models. */
function candidatesOf(
  plans: readonly ModelPlan[],
  { requested }: RouteQuery,
  { performanceOf }: RoutingInput,
): readonly Endpoint[] {
  const [first] = plans
  const considered = plans.length === 1 && first !== undefined ? first.considered : withoutDuplicates(plans)
  if (!requested.preferences.sortsAcrossModels) return considered.map(({ endpoint }) => endpoint)
  const ordering: Ordering = {
    requested,
    sort: first?.sort ?? 'price',
    direct: directProviders(considered),
    performanceOf,
  }
  return sortCandidates(considered, ordering).map(({ endpoint }) => endpoint)
}

/** Removes duplicates: a request may name a model twice, or under two names. */
function withoutDuplicates(plans: readonly ModelPlan[]): readonly EndpointCandidate[] {
  const considered = new Map<string, EndpointCandidate>()
  for (const candidate of plans.flatMap((plan) => plan.considered))
    if (!considered.has(candidate.endpoint.id)) considered.set(candidate.endpoint.id, candidate)
  return [...considered.values()]
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
function withVariants(endpoint: Endpoint, state: ProviderState, variants: readonly string[]): Endpoint {
  if (state.speaksOpenRouter !== true || variants.length === 0) return endpoint
  return { ...endpoint, modelId: [endpoint.modelId, ...variants].join(':') }
}
