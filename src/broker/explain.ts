import { BrokerError } from '../base/errors.ts'
import type { Money } from '../base/money.ts'
import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import { costOf, mostItCanCost, type UsageBounds } from '../ledger/cost.ts'
import type { Caller } from '../contexts/caller.ts'
import type { Exclusion } from '../routing/offer.ts'
import type { RoutingWishes } from '../wire/routing-wishes.ts'
import { boundsOf, type ChatBounds } from './most-it-can-take.ts'
import type { Rooms } from './rooms.ts'
import { routeFor } from './route-for.ts'

/** A request as far as routing and money look at it. */
export interface Inquiry extends ChatBounds {
  readonly kind: ModelKind
  readonly wishes: RoutingWishes
}

/** What would become of a request; nobody is asked for it. */
export interface Explanation {
  /** Best first: the order in which they would be asked. */
  readonly candidates: readonly Candidate[]
  readonly excluded: readonly Exclusion[]
  /** Why nobody would be asked. */
  readonly error: BrokerError | undefined
}

export interface Candidate {
  readonly endpoint: Endpoint
  readonly quote: Quote
}

/** What an endpoint would take; unpriced where it is absent. */
export interface Quote {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly expected: Money | undefined
  readonly most: Money | undefined
}

/** Which endpoints a request would be sent to, in which order, at which price, and why not to the others. */
export function explain(inquiry: Inquiry, caller: Caller, rooms: Rooms): Explanation {
  const { kind, wishes } = inquiry
  try {
    const plan = routeFor({ kind, wishes, strategy: rooms.strategy }, caller, rooms)
    const candidates = plan.candidates.map((endpoint) => ({ endpoint, quote: quote(inquiry, endpoint) }))
    return { candidates, excluded: plan.excluded, error: undefined }
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    return { candidates: [], excluded: [], error }
  }
}

/** OpenAI's rule of thumb for English text. */
const BYTES_PER_TOKEN = 4
/** What an answer is taken to be as long as nobody bounds it: a page of text. */
const USUAL_ANSWER = 500

/** Expected by rule of thumb; the most is never below what is billed. */
function quote(inquiry: Inquiry, endpoint: Endpoint): Quote {
  const { price } = endpoint
  const bounds: UsageBounds =
    inquiry.kind === 'chat'
      ? boundsOf(inquiry, endpoint)
      : { promptTokensAtMost: inquiry.body.byteLength, completionTokensAtMost: 0 }
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

const NO_USAGE = {
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}
