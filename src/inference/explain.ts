import { asBrokerError, BrokerError } from '../base/errors.ts'
import { formatDollars, type Money } from '../base/money.ts'
import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import { costOf, mostItCanCost, type UsageBounds } from '../ledger/cost.ts'
import type { Caller } from '../auth/caller.ts'
import type { Readiness } from '../providers/keys/key-pool.ts'
import type { Exclusion, LeftOut } from '../routing/endpoint-candidate.ts'
import type { RoutingWishes } from '../wire/openai/routing-preferences.ts'
import { grantFor } from './budget/affordable-candidates.ts'
import { boundsOf, maxPromptUsage, type ChatBounds } from './budget/worst-case.ts'
import type { Rooms } from './services/services.ts'
import { BYTES_PER_TOKEN } from './usage/token-ratio.ts'
import { routeFor } from './select-candidates.ts'

/** The parts of a request that routing and budgets depend on. */
export interface Inquiry extends ChatBounds {
  readonly kind: ModelKind
  readonly wishes: RoutingWishes
}

/** What would happen to a request; no provider is called for it. */
export interface Explanation {
  /** Best first: the order of the attempts. */
  readonly candidates: readonly Candidate[]
  readonly excluded: readonly Exclusion[]
  /** Models of the caller's list that no endpoint can serve. */
  readonly leftOut: readonly { readonly model: string; readonly error: BrokerError }[]
  /** Why no endpoint would be tried. */
  readonly error: BrokerError | undefined
}

export interface Candidate {
  readonly endpoint: Endpoint
  readonly quote: Quote
  /** As it is now: an endpoint that cools down is skipped. */
  readonly readiness: Readiness | undefined
}

/** What an endpoint would charge; a cost is absent where the price is unknown. */
export interface Quote {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly expected: Money | undefined
  readonly most: Money | undefined
}

/** Which endpoints a request would be sent to, in which order, at which price, and why not to the others. */
export function explain(inquiry: Inquiry, caller: Caller, rooms: Rooms): Explanation {
  const { kind, wishes } = inquiry
  const leftOut: LeftOut = { endpoints: [], models: [] }
  const told = (candidates: readonly Endpoint[], error: BrokerError | undefined): Explanation => ({
    candidates: candidates.map((endpoint) => candidateOf(endpoint, inquiry, rooms)),
    excluded: leftOut.endpoints.map((exclusion) => pinnedAway(exclusion, rooms)),
    leftOut: leftOut.models.map(({ model, error: fault }) => ({ model, error: asBrokerError(fault) })),
    error,
  })
  try {
    const { candidates } = routeFor({ kind, wishes, strategy: rooms.strategy }, caller, rooms, leftOut)
    return told(payable(candidates, inquiry, caller, rooms, leftOut), undefined)
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    return told([], error)
  }
}

function candidateOf(endpoint: Endpoint, inquiry: Inquiry, { providers }: Rooms): Candidate {
  const readiness = providers().get(endpoint.provider)?.readiness(endpoint.modelId)
  return { endpoint, quote: quote(inquiry, endpoint), readiness }
}

/** The candidates that the caller's budget affords. Throws `over-budget` when it affords none. */
function payable(
  candidates: readonly Endpoint[],
  inquiry: Inquiry,
  caller: Caller,
  { limits }: Rooms,
  { endpoints }: LeftOut,
): readonly Endpoint[] {
  const allowance = limits.allowance(caller)
  if (allowance === undefined) return candidates
  const { kind, choices, maxTokens } = inquiry
  const inquired = { maxUsage: (endpoint: Endpoint) => boundsFor(inquiry, endpoint) }
  const mayBeShortened = kind === 'chat' && maxTokens === undefined
  let left: readonly Endpoint[] = []
  try {
    left = grantFor(
      { kind: inquired, candidates, most: undefined, choices, mayBeShortened },
      allowance,
    ).candidates
    return left
  } finally {
    const reason = `may cost more than the $${formatDollars(allowance.left)} that ${allowance.name} has left`
    for (const endpoint of candidates.filter((each) => !left.includes(each)))
      endpoints.push({
        endpoint,
        step: 'Filter by Budget',
        reason: endpoint.price === undefined ? 'has no known price' : reason,
      })
  }
}

/** Routing takes a provider that the caller may not use for one that isn't configured, so that the reason is corrected here. */
function pinnedAway(exclusion: Exclusion, { providers }: Rooms): Exclusion {
  const isHere = providers().has(exclusion.endpoint.provider)
  if (exclusion.step !== 'Filter by Configured Providers' || !isHere) return exclusion
  return { ...exclusion, step: 'Filter by Pin', reason: 'this caller is pinned to others' }
}

/** The expected length of a response without a maximum, in tokens: a page of text. */
const USUAL_ANSWER = 500

/** The expected cost is a rule of thumb; the maximum is never below what is billed. */
function quote(inquiry: Inquiry, endpoint: Endpoint): Quote {
  const { price } = endpoint
  const bounds = boundsFor(inquiry, endpoint)
  const promptTokens = Math.min(
    Math.ceil(inquiry.body.byteLength / BYTES_PER_TOKEN),
    bounds.promptTokensAtMost,
  )
  const completionTokens = Math.min(USUAL_ANSWER * inquiry.choices, bounds.completionTokensAtMost)
  return {
    promptTokens,
    completionTokens,
    expected:
      price &&
      costOf(
        { ...NO_USAGE, prompt: promptTokens, completion: completionTokens, images: bounds.imagesAtMost },
        price,
      ),
    most: price && mostItCanCost(bounds, price),
  }
}

function boundsFor(inquiry: Inquiry, endpoint: Endpoint): UsageBounds {
  return inquiry.kind === 'chat' ? boundsOf(inquiry, endpoint) : maxPromptUsage(inquiry.body)
}

const NO_USAGE = {
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}
