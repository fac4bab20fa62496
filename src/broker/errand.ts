import type { Money } from '../base/money.ts'
import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { ProviderRoute } from '../providers/provider.ts'
import type { JsonBody } from '../wire/json-body.ts'
import type { AnswerFacts, Completer } from './complete-answer.ts'
import type { Meter } from './meter.ts'

/** One request on its way through the candidates, of whatever kind: all that the walk has to know of it. */
export interface Errand {
  readonly kind: ModelKind
  readonly route: ProviderRoute
  readonly body: JsonBody
  /** As the caller wrote it. */
  readonly modelAsked: string
  readonly streamed: boolean
  /** Best first. */
  readonly candidates: readonly Endpoint[]
  /** The most that it can cost; `undefined` when no candidate has a known price. */
  readonly most: Money | undefined
  /** The most that can be used at an endpoint; without it only `most` is known. */
  readonly bounds?: ((endpoint: Endpoint) => UsageBounds) | undefined
  /** How many answers were asked for; one without it. */
  readonly choices?: number | undefined
  /** The body with a bound on the length of each answer; absent where the caller named one, or none can be. */
  readonly shorten?: ((tokens: number) => JsonBody) | undefined
  /** A fresh meter for each attempt. */
  readonly meter: () => Meter
  /** Puts what a provider answers into OpenRouter's shape. */
  readonly completer: (facts: AnswerFacts) => Completer
}
