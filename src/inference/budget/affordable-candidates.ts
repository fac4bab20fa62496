import { BrokerError } from '../../base/errors.ts'
import { usdText, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { maxCostOf, tokensAffordable, type UsageBounds } from '../../ledger/cost.ts'
import type { Allowance } from '../../limits/limits.ts'
import type { InferenceRequest, InferenceKind } from '../request/inference-request.ts'
import { LEASE, overBudgetError } from './held-money.ts'

/** What a request may use: the money to set aside, and the candidates with the tokens that each may give. */
export interface Grant {
  readonly candidates: readonly Endpoint[]
  /** The money to set aside; `undefined` when no price is known. */
  readonly maxCost: Money | undefined
  /** Tokens of all choices together after which a stream ends; by endpoint id, only where a budget binds. */
  readonly tokens: ReadonlyMap<string, number>
  /** Ids of the endpoints that are asked for fewer tokens than they could give. */
  readonly capped: ReadonlySet<string>
  readonly allowance: Allowance | undefined
}

/** The parts of a request that its cost depends on. */
export interface Payable {
  readonly kind: Pick<InferenceKind, 'maxUsage'>
  /** Best first. */
  readonly candidates: readonly Endpoint[]
  readonly maxCost: Money | undefined
  readonly n?: number | undefined
  readonly mayCapTokens?: boolean | undefined
}

const NO_TOKENS: ReadonlyMap<string, number> = new Map()
const NONE: ReadonlySet<string> = new Set()

/**
 * The candidates that the caller's budget affords. Where the caller set no maximum length and the budget affords less than
 * the model's maximum, the response is capped at what it affords. Throws `over-budget` when no candidate is affordable.
 */
export function affordableCandidates(request: Payable, allowance: Allowance | undefined): Grant {
  const { candidates, maxCost } = request
  if (allowance === undefined) return { candidates, maxCost, tokens: NO_TOKENS, capped: NONE, allowance }
  const affordable = candidates.flatMap((endpoint) => affordableAt(request, endpoint, allowance))
  if (affordable.length === 0) throw overBudget(request, allowance)
  return {
    candidates: affordable.map(({ endpoint }) => endpoint),
    maxCost: mostExpensive(affordable),
    tokens: new Map(
      affordable.flatMap(({ endpoint, tokens }) => (tokens === undefined ? [] : [[endpoint.id, tokens]])),
    ),
    capped: new Set(affordable.flatMap(({ endpoint, isCapped }) => (isCapped ? [endpoint.id] : []))),
    allowance,
  }
}

/** A request, and what it may use. */
export interface GrantedRequest {
  readonly request: InferenceRequest
  readonly grant: Grant
}

/** The maximum that one attempt at an endpoint may use. */
export function maxAttemptUsage({ request, grant }: GrantedRequest, endpoint: Endpoint): UsageBounds {
  const bounds = request.kind.maxUsage(endpoint)
  const tokens = grant.capped.has(endpoint.id) ? grant.tokens.get(endpoint.id) : undefined
  return tokens === undefined ? bounds : { ...bounds, maxCompletionTokens: tokens }
}

/** How the response to a request is capped at an endpoint; `undefined` when it isn't. */
export function capAt(grant: Grant, endpoint: Endpoint | undefined): TokenCap | undefined {
  if (endpoint === undefined || grant.allowance === undefined || !grant.capped.has(endpoint.id))
    return undefined
  const { period } = grant.allowance
  return { max_tokens: grant.tokens.get(endpoint.id) ?? 0, budget: period }
}

/** The value of `x_aibroker.limited`. */
export interface TokenCap {
  /** Of all choices together. */
  readonly max_tokens: number
  /** The period of the budget that binds. */
  readonly budget: string
}

interface AffordableCandidate {
  readonly endpoint: Endpoint
  readonly maxCost: Money | undefined
  readonly tokens: number | undefined
  readonly isCapped: boolean
}

/** One candidate with what the budget affords of it; an empty list when that is nothing. */
function affordableAt(
  request: Payable,
  endpoint: Endpoint,
  { remaining, allowUnpriced }: Allowance,
): AffordableCandidate[] {
  const { price } = endpoint
  const bounds = request.kind.maxUsage(endpoint)
  const tokens = bounds.maxCompletionTokens
  const maxCost = price === undefined ? undefined : maxCostOf(bounds, price)
  if (price === undefined || maxCost === undefined)
    return allowUnpriced ? [{ endpoint, maxCost: undefined, tokens: undefined, isCapped: false }] : []
  if (maxCost <= remaining) return [{ endpoint, maxCost, tokens, isCapped: false }]
  if (request.mayCapTokens !== true) return []
  const { n = 1 } = request
  const affordable = tokensAffordable(bounds, price, remaining)
  const perChoice = Math.floor((affordable ?? 0) / n)
  if (perChoice < 1) return []
  const maxCompletionTokens = perChoice * n
  return [
    {
      endpoint,
      maxCost: maxCostOf({ ...bounds, maxCompletionTokens }, price),
      tokens: maxCompletionTokens,
      isCapped: true,
    },
  ]
}

function mostExpensive(affordable: readonly AffordableCandidate[]): Money | undefined {
  let maxCost: Money | undefined
  for (const each of affordable)
    if (each.maxCost !== undefined && each.maxCost > (maxCost ?? -1n)) maxCost = each.maxCost
  return maxCost
}

function overBudget(request: Payable, allowance: Allowance): BrokerError {
  const { remaining, name, period } = allowance
  const balance = `${name} has $${usdText(remaining)} left ${period === 'total' ? 'in total' : `this ${period}`}`
  const costs = request.candidates.flatMap((endpoint) => minCostAt(request, endpoint))
  if (costs.length === 0)
    return new BrokerError(
      'over-budget',
      `${balance}, and the price of this model is unknown: request a model with a price, or have the limit allow unpriced ones`,
      { details: allowance.isLease === true ? LEASE : {} },
    )
  const minCost = costs.reduce((a, b) => (b < a ? b : a))
  const advice =
    request.mayCapTokens !== true
      ? 'request fewer max_tokens, or have the budget raised'
      : 'have the budget raised'
  const what = 'This request requires more credits, or fewer max_tokens'
  return overBudgetError(allowance, minCost, { what, advice })
}

/** The minimum that has to be left for this candidate. */
function minCostAt(request: Payable, endpoint: Endpoint): Money[] {
  const { price } = endpoint
  if (price === undefined) return []
  const bounds = request.kind.maxUsage(endpoint)
  const minUsage = request.mayCapTokens !== true ? bounds : { ...bounds, maxCompletionTokens: request.n ?? 1 }
  const cost = maxCostOf(minUsage, price)
  return cost === undefined ? [] : [cost]
}
