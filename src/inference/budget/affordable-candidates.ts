import { BrokerError } from '../../base/errors.ts'
import { formatDollars, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { mostItCanCost, tokensAffordable, type UsageBounds } from '../../ledger/cost.ts'
import type { Allowance } from '../../limits/limits.ts'
import type { Errand, InferenceKind } from '../request/inference-request.ts'

/** What a request may use up: the money to set aside, and who may be asked for how much. */
export interface Grant {
  readonly candidates: readonly Endpoint[]
  /** `undefined` when nobody knows a price. */
  readonly most: Money | undefined
  /** Tokens of the whole answer after which a stream ends; by endpoint id, only where a budget binds. */
  readonly tokens: ReadonlyMap<string, number>
  /** Of these, the endpoints that are asked for less than they could give. */
  readonly shortened: ReadonlySet<string>
  readonly allowance: Allowance | undefined
}

/** What of an errand has to do with money. */
export type Payable = Pick<Errand, 'candidates' | 'most' | 'choices' | 'mayBeShortened'> & {
  readonly kind: Pick<InferenceKind, 'maxUsage'>
}

const NO_TOKENS: ReadonlyMap<string, number> = new Map()
const NOBODY: ReadonlySet<string> = new Set()

/**
 * Sets the most that a request can cost against what its caller has left. Where the caller named no bound and the budget
 * affords less than the model's most, the answer is shortened to what it affords. Throws `over-budget` when no candidate
 * can be paid.
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

/** What the answer says of having been shortened. */
export function shorteningOf(grant: Grant, endpoint: Endpoint | undefined): Shortening | undefined {
  if (endpoint === undefined || grant.allowance === undefined || !grant.shortened.has(endpoint.id))
    return undefined
  const { period } = grant.allowance
  return { max_tokens: grant.tokens.get(endpoint.id) ?? 0, budget: period }
}

/** As it stands in `x_aibroker.limited`. */
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

/** One candidate as far as it can be paid; none when it can't. */
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
      `${whose}, and nobody knows what this model costs: ask for one with a price, or have the limit allow unpriced ones`,
    )
  const least = costs.reduce((a, b) => (b < a ? b : a))
  const advice =
    errand.mayBeShortened !== true
      ? 'ask for fewer max_tokens, or have the budget raised'
      : 'have the budget raised'
  return new BrokerError(
    'over-budget',
    `This request requires more credits, or fewer max_tokens: ${whose}, this may cost $${formatDollars(least)}; ${advice}`,
  )
}

/** What would have to be left for this candidate to be asked at all. */
function costsOf(errand: Payable, endpoint: Endpoint): Money[] {
  const { price } = endpoint
  if (price === undefined) return []
  const bounds = errand.kind.maxUsage(endpoint)
  const shortest =
    errand.mayBeShortened !== true ? bounds : { ...bounds, completionTokensAtMost: errand.choices ?? 1 }
  const cost = mostItCanCost(shortest, price)
  return cost === undefined ? [] : [cost]
}
