import { BrokerError } from '../base/errors.ts'
import type { Catalog, Endpoint, Model, ModelKind } from '../catalog/catalog.ts'
import { resolveModel, type Strategy } from './resolve-model.ts'

/** What routing knows of a provider. */
export interface ProviderState {
  /** A built-in stand-in: automatic choices take it only when nothing real is there. */
  readonly isStandIn: boolean
}

export interface RouteQuery {
  readonly model: string
  readonly kind: ModelKind
  /** What `auto` means. */
  readonly strategy: Strategy
}

/** More endpoints than this are never tried for one request. */
const MOST_CANDIDATES = 6

/**
 * The endpoints to ask for this request, best first. Pure: the same query, catalog and providers give the same order.
 * Lower priority number first, then lower price. Throws `no-such-model` or `none-fits`.
 */
export function route(
  query: RouteQuery,
  catalog: Catalog,
  providers: ReadonlyMap<string, ProviderState>,
): readonly Endpoint[] {
  const resolved = resolveModel(query.model, query.kind, catalog)
  if (resolved.type === 'auto') {
    return automatic(query.kind, resolved.strategy ?? query.strategy, catalog, providers).slice(
      0,
      MOST_CANDIDATES,
    )
  }
  const usable = resolved.endpoints.filter((endpoint) => providers.has(endpoint.provider))
  if (usable.length === 0) throw noProvider(query.model, resolved.endpoints)
  return [...usable].sort(byPriorityThenPrice).slice(0, MOST_CANDIDATES)
}

function automatic(
  kind: ModelKind,
  strategy: Strategy,
  catalog: Catalog,
  providers: ReadonlyMap<string, ProviderState>,
): readonly Endpoint[] {
  const models = [...catalog.models.values()].filter((model) => model.kind === kind)
  const offers = models.flatMap((model) => bestOffer(model, providers))
  const real = offers.filter(({ endpoint }) => providers.get(endpoint.provider)?.isStandIn === false)
  const pool = real.length > 0 ? real : offers
  if (pool.length === 0) throw nothingConfigured(kind)
  return pool.sort(strategy === 'cheapest' ? byPrice : byTierThenPrice).map(({ endpoint }) => endpoint)
}

interface Offer {
  readonly model: Model
  readonly endpoint: Endpoint
}

/** The endpoint by which a model would be asked; none when no provider of it is there. */
function bestOffer(model: Model, providers: ReadonlyMap<string, ProviderState>): Offer[] {
  const [endpoint] = model.endpoints
    .filter(({ provider }) => providers.has(provider))
    .sort(byPriorityThenPrice)
  return endpoint === undefined ? [] : [{ model, endpoint }]
}

function byPriorityThenPrice(a: Endpoint, b: Endpoint): number {
  return a.priority - b.priority || comparePrices(a, b) || compareText(a.id, b.id)
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

/** Cheaper first, unknown prices last. Prompts are taken to be three times as long as answers. */
function comparePrices(a: Endpoint, b: Endpoint): number {
  const [left, right] = [blendedPrice(a), blendedPrice(b)]
  if (left === right) return 0
  if (left === undefined) return 1
  if (right === undefined) return -1
  return left < right ? -1 : 1
}

/** Dearer first, unknown prices last all the same. */
function compareDearer(a: Endpoint, b: Endpoint): number {
  return a.price === undefined || b.price === undefined ? comparePrices(a, b) : comparePrices(b, a)
}

function blendedPrice({ price }: Endpoint): bigint | undefined {
  if (price?.input === undefined || price.output === undefined) return undefined
  return price.input * 3n + price.output
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function noProvider(model: string, endpoints: readonly Endpoint[]): BrokerError {
  const providers = [...new Set(endpoints.map(({ provider }) => provider))]
  const keys = providers.map((provider) => `${provider.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_API_KEY`)
  return new BrokerError(
    'none-fits',
    `No endpoints found for ${model}. It is offered by ${providers.join(', ')}, of which none is set up here: set ${keys.join(' or ')}`,
  )
}

function nothingConfigured(kind: ModelKind): BrokerError {
  return new BrokerError(
    'none-fits',
    `No provider for ${kind} is set up here: set a key such as OPENROUTER_API_KEY, then restart the broker`,
  )
}
