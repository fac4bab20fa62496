import { BrokerError } from '../../base/errors.ts'
import { formatDollars, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { mostItCanCost, tokensAffordable, type UsageBounds } from '../../ledger/cost.ts'
import type { Allowance } from '../../limits/limits.ts'
import type { Errand, InferenceKind } from '../request/inference-request.ts'

/** What a request may use: the money to set aside, and the candidates with the tokens that each may give. */
export interface Grant {
  readonly candidates: readonly Endpoint[]
  /** The money to set aside; `undefined` when no price is known. */
  readonly most: Money | undefined
  /** Tokens of all choices together after which a stream ends; by endpoint id, only where a budget binds. */
  readonly tokens: ReadonlyMap<string, number>
  /** Ids of the endpoints that are asked for fewer tokens than they could give. */
  readonly shortened: ReadonlySet<string>
  readonly allowance: Allowance | undefined
}

/** The parts of a request that its cost depends on. */
export interface Payable {
  readonly kind: Pick<InferenceKind, 'maxUsage'>
  /** Best first. */
  readonly candidates: readonly Endpoint[]
  readonly most: Money | undefined
  readonly choices?: number | undefined
  readonly mayBeShortened?: boolean | undefined
}

const NO_TOKENS: ReadonlyMap<string, number> = new Map()
const NOBODY: ReadonlySet<string> = new Set()

/**
 * The candidates that the caller's budget affords. Where the caller set no maximum length and the budget affords less than
 * the model's maximum, the response is capped at what it affords. Throws `over-budget` when no candidate is affordable.
 */
export function grantFor(errand: Payable, allowance: Allowance | undefined): Grant {
  const { candidates, most } = errand
  if (allowance === undefined) return { candidates, most, tokens: NO_TOKENS, shortened: NOBODY, allowance }
  const offers = candidates.flatMap((endpoint) => offerOf(errand, endpoint, allowance))
  if (offers.length === 0) throw tooDear(errand, allowance)
  return {
    candidates: offers.map(({ endpoint }) => endpoint),
    most: dearest(offers),
    tokens: new Map(
      offers.flatMap(({ endpoint, tokens }) => (tokens === undefined ? [] : [[endpoint.id, tokens]])),
    ),
    shortened: new Set(offers.flatMap(({ endpoint, isShortened }) => (isShortened ? [endpoint.id] : []))),
    allowance,
  }
}

/** A request, and what it may use. */
export interface GrantedRequest {
  readonly request: Errand
  readonly grant: Grant
}

/** The maximum that one attempt at an endpoint may use. */
export function mostUsageAt({ request, grant }: GrantedRequest, endpoint: Endpoint): UsageBounds {
  const bounds = request.kind.maxUsage(endpoint)
  const tokens = grant.shortened.has(endpoint.id) ? grant.tokens.get(endpoint.id) : undefined
  return tokens === undefined ? bounds : { ...bounds, completionTokensAtMost: tokens }
}

/** How the response to a request is capped at an endpoint; `undefined` when it isn't. */
export function shorteningOf(grant: Grant, endpoint: Endpoint | undefined): Shortening | undefined {
  if (endpoint === undefined || grant.allowance === undefined || !grant.shortened.has(endpoint.id))
    return undefined
  const { period } = grant.allowance
  return { max_tokens: grant.tokens.get(endpoint.id) ?? 0, budget: period }
}

/** The value of `x_aibroker.limited`. */
export interface Shortening {
  /** Of all choices together. */
  readonly max_tokens: number
  /** The period of the budget that binds. */
  readonly budget: string
}

interface Offer {
  readonly endpoint: Endpoint
  readonly most: Money | undefined
  readonly tokens: number | undefined
  readonly isShortened: boolean
}

/** One candidate with what the budget affords of it; an empty list when that is nothing. */
function offerOf(errand: Payable, endpoint: Endpoint, { left, mayBeUnpriced }: Allowance): Offer[] {
  const { price } = endpoint
  const bounds = errand.kind.maxUsage(endpoint)
  const tokens = bounds.completionTokensAtMost
  const most = price === undefined ? undefined : mostItCanCost(bounds, price)
  if (price === undefined || most === undefined)
    return mayBeUnpriced ? [{ endpoint, most: undefined, tokens: undefined, isShortened: false }] : []
  if (most <= left) return [{ endpoint, most, tokens, isShortened: false }]
  if (errand.mayBeShortened !== true) return []
  const { choices = 1 } = errand
  const affordable = tokensAffordable(bounds, price, left)
  const perChoice = Math.floor((affordable ?? 0) / choices)
  if (perChoice < 1) return []
  const completionTokensAtMost = perChoice * choices
  return [
    {
      endpoint,
      most: mostItCanCost({ ...bounds, completionTokensAtMost }, price),
      tokens: completionTokensAtMost,
      isShortened: true,
    },
  ]
}

function dearest(offers: readonly Offer[]): Money | undefined {
  let most: Money | undefined
  for (const offer of offers) if (offer.most !== undefined && offer.most > (most ?? -1n)) most = offer.most
  return most
}

function tooDear(errand: Payable, { left, name, period }: Allowance): BrokerError {
  const whose = `${name} has $${formatDollars(left)} left ${period === 'total' ? 'in total' : `this ${period}`}`
  const costs = errand.candidates.flatMap((endpoint) => costsOf(errand, endpoint))
  if (costs.length === 0)
    return new BrokerError(
      'over-budget',
      `${whose}, and the price of this model is unknown: request a model with a price, or have the limit allow unpriced ones`,
    )
  const least = costs.reduce((a, b) => (b < a ? b : a))
  const advice =
    errand.mayBeShortened !== true
      ? 'request fewer max_tokens, or have the budget raised'
      : 'have the budget raised'
  return new BrokerError(
    'over-budget',
    `This request requires more credits, or fewer max_tokens: ${whose}, this may cost $${formatDollars(least)}; ${advice}`,
  )
}

/** The minimum that has to be left for this candidate. */
function costsOf(errand: Payable, endpoint: Endpoint): Money[] {
  const { price } = endpoint
  if (price === undefined) return []
  const bounds = errand.kind.maxUsage(endpoint)
  const shortest =
    errand.mayBeShortened !== true ? bounds : { ...bounds, completionTokensAtMost: errand.choices ?? 1 }
  const cost = mostItCanCost(shortest, price)
  return cost === undefined ? [] : [cost]
}
