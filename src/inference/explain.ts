import { asBrokerError, BrokerError } from '../base/errors.ts'
import { usdText, type Money } from '../base/money.ts'
import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import { costOf, maxCostOf, type UsageBounds } from '../ledger/cost.ts'
import { ZERO_USAGE, type Usage } from '../ledger/types.ts'
import type { Caller } from '../auth/caller.ts'
import type { Readiness } from '../providers/keys/key-pool.ts'
import type { Exclusion, ExclusionLog } from '../routing/endpoint-candidate.ts'
import type { RoutingPreferences } from '../wire/openai/routing/routing-preferences.ts'
import { affordableCandidates } from './budget/affordable-candidates.ts'
import { maxChatUsage, maxPromptUsage, type ChatBounds } from './budget/worst-case.ts'
import type { InferenceKind } from './request/inference-request.ts'
import type { AdminServices } from './services/services.ts'
import { usualPromptTokens } from './usage/prompt-text.ts'
import { selectFor } from './candidates/select-candidates.ts'

/** The parts of a request that routing and budgets depend on. */
export interface ExplainRequest extends ChatBounds {
  readonly kind: ModelKind
  readonly routing: RoutingPreferences
  /** What a request for media uses; absent for chats and embeddings. */
  readonly media?: InferenceKind | undefined
  /** Why an endpoint that fits otherwise can't give what is wanted; `undefined` when it can. */
  readonly unservedAt?: ((endpoint: Endpoint) => string | undefined) | undefined
}

/** What would happen to a request; no provider is called for it. */
export interface Explanation {
  /** Best first: the order of the attempts. */
  readonly candidates: readonly QuotedCandidate[]
  readonly excluded: readonly Exclusion[]
  /** Models of the caller's list that no endpoint can serve. */
  readonly excludedModels: readonly { readonly model: string; readonly error: BrokerError }[]
  /** Why no endpoint would be tried. */
  readonly error: BrokerError | undefined
}

export interface QuotedCandidate {
  readonly endpoint: Endpoint
  readonly quote: Quote
  /** As it is now: an endpoint that cools down is skipped. */
  readonly readiness: Readiness | undefined
}

/** What an endpoint would charge; a cost is absent where the price is unknown. */
export interface Quote {
  /** What it is expected to use, in the units of its price. */
  readonly usage: Usage
  readonly expected: Money | undefined
  readonly maxCost: Money | undefined
}

/** Which endpoints a request would be sent to, in which order, at which price, and why not to the others. */
export function explain(request: ExplainRequest, caller: Caller, services: AdminServices): Explanation {
  const { kind, routing } = request
  const leftOut: ExclusionLog = { endpoints: [], models: [] }
  const explanationOf = (candidates: readonly Endpoint[], error: BrokerError | undefined): Explanation => ({
    candidates: candidates.map((endpoint) => candidateOf(endpoint, request, services)),
    excluded: leftOut.endpoints.map((exclusion) => excludedByPolicy(exclusion, services)),
    excludedModels: leftOut.models.map(({ model, error: fault }) => ({ model, error: asBrokerError(fault) })),
    error,
  })
  try {
    const { candidates } = selectFor(
      { kind, requested: routing, strategy: services.strategy },
      caller,
      services,
      { excluded: leftOut },
    )
    const capable = withoutUnserved(candidates, request, leftOut)
    return explanationOf(affordable(capable, request, caller, services, leftOut), undefined)
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    return explanationOf([], error)
  }
}

/** The candidates that can give what is wanted. Throws `bad-request` when none can. */
function withoutUnserved(
  candidates: readonly Endpoint[],
  { unservedAt }: ExplainRequest,
  { endpoints }: ExclusionLog,
): readonly Endpoint[] {
  if (unservedAt === undefined) return candidates
  const capable = candidates.filter((endpoint) => {
    const reason = unservedAt(endpoint)
    if (reason !== undefined) endpoints.push({ endpoint, step: 'Filter by Format', reason })
    return reason === undefined
  })
  const [first] = candidates
  if (capable.length > 0 || first === undefined) return capable
  throw new BrokerError('bad-request', `${first.id} ${unservedAt(first) ?? 'can’t serve this'}`)
}

function candidateOf(
  endpoint: Endpoint,
  request: ExplainRequest,
  { providers }: Pick<AdminServices, 'providers'>,
): QuotedCandidate {
  const readiness = providers().get(endpoint.provider)?.readiness(endpoint.modelId)
  return { endpoint, quote: quote(request, endpoint), readiness }
}

/** The candidates that the caller's budget affords. Throws `over-budget` when it affords none. */
function affordable(
  candidates: readonly Endpoint[],
  request: ExplainRequest,
  caller: Caller,
  { limits }: Pick<AdminServices, 'limits'>,
  { endpoints }: ExclusionLog,
): readonly Endpoint[] {
  const allowance = limits.allowance(caller)
  if (allowance === undefined) return candidates
  const { kind, n, maxTokens } = request
  const kindBounds = { maxUsage: (endpoint: Endpoint) => boundsFor(request, endpoint) }
  const mayCapTokens = kind === 'chat' && maxTokens === undefined
  let left: readonly Endpoint[] = []
  try {
    left = affordableCandidates(
      { kind: kindBounds, candidates, maxCost: undefined, n, mayCapTokens },
      allowance,
    ).candidates
    return left
  } finally {
    const reason = `may cost more than the $${usdText(allowance.remaining)} that ${allowance.name} has left`
    for (const endpoint of candidates.filter((each) => !left.includes(each)))
      endpoints.push({
        endpoint,
        step: 'Filter by Budget',
        reason: endpoint.price === undefined ? 'has no known price' : reason,
      })
  }
}

/** Routing takes a provider that the caller may not use for one that isn't configured, so that the reason is corrected here. */
function excludedByPolicy(exclusion: Exclusion, { providers }: Pick<AdminServices, 'providers'>): Exclusion {
  const isHere = providers().has(exclusion.endpoint.provider)
  if (exclusion.step !== 'Filter by Configured Providers' || !isHere) return exclusion
  return { ...exclusion, step: 'Filter by Pin', reason: 'this caller is pinned to others' }
}

/** The expected length of a response without a maximum, in tokens: a page of text. */
const EXPECTED_COMPLETION_TOKENS = 500

/** The expected cost is a rule of thumb; the maximum is never below what is billed. */
function quote(request: ExplainRequest, endpoint: Endpoint): Quote {
  const { price } = endpoint
  const bounds = boundsFor(request, endpoint)
  const usage = expectedUsage(request, endpoint, bounds)
  return {
    usage,
    expected: price && costOf(usage, price),
    maxCost: price && maxCostOf(bounds, price),
  }
}

function expectedUsage(request: ExplainRequest, endpoint: Endpoint, bounds: UsageBounds): Usage {
  const { media, body, n } = request
  if (media !== undefined)
    return (
      media.createMeter(body, endpoint).bounds({ bounds, mayHideReasoning: false, choices: n }).usage ??
      ZERO_USAGE
    )
  return {
    ...ZERO_USAGE,
    prompt: Math.min(usualPromptTokens(body), bounds.maxPromptTokens),
    completion: Math.min(EXPECTED_COMPLETION_TOKENS * n, bounds.maxCompletionTokens),
    images: bounds.maxImages,
  }
}

function boundsFor(request: ExplainRequest, endpoint: Endpoint): UsageBounds {
  if (request.media !== undefined) return request.media.maxUsage(endpoint)
  return request.kind === 'chat' ? maxChatUsage(request, endpoint) : maxPromptUsage(request.body, endpoint)
}
