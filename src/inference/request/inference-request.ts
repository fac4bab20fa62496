import type { Money } from '../../base/money.ts'
import type { Endpoint, ModelKind } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import type { Asking, Provider, ProviderRoute, Question } from '../../providers/provider.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { AnswerFacts, Completer } from '../response/response-formatter.ts'
import type { BatchListener } from './embedding-batches.ts'
import type { Meter } from '../usage/usage-meter.ts'

/** One request on its way through the candidates, of whatever kind: all that the walk has to know of it. */
export interface Errand {
  readonly kind: ModelKind
  readonly route: ProviderRoute
  readonly body: JsonBody
  /** What providers that speak OpenRouter are asked instead. */
  readonly ofRouters?: { readonly route: ProviderRoute; readonly body: JsonBody } | undefined
  /** How a provider is asked, if not once. */
  readonly askWith?: ((provider: Provider, question: Question, listener: BatchListener) => Asking) | undefined
  /** As the caller wrote it. */
  readonly modelAsked: string
  readonly streamed: boolean
  /** Best first. */
  readonly candidates: readonly Endpoint[]
  /** The most that it can cost; `undefined` when no candidate has a known price. */
  readonly most: Money | undefined
  /** The most that can be used at an endpoint. */
  readonly bounds: (endpoint: Endpoint) => UsageBounds
  /** How many answers were asked for; one without it. */
  readonly choices?: number | undefined
  /** The caller named no bound on the length of an answer, so that a budget may. */
  readonly mayBeShortened?: boolean | undefined
  /** Whether the endpoint's model is known to reason, or not to. */
  readonly reasons?: ((endpoint: Endpoint) => boolean | undefined) | undefined
  /** A fresh meter for each attempt with this body at this endpoint. */
  readonly meter: (body: JsonBody, endpoint: Endpoint) => Meter
  /** Streams of one text may be brought to their end by somebody else when they break. */
  readonly mayBeRescued?: boolean | undefined
  /** What an endpoint is asked instead, where the whole prompt is too long for it. */
  readonly fitting?: ((endpoint: Endpoint) => Fitting | undefined) | undefined
  /** What this is a part of: rows of one group belong to one answer. */
  readonly group?: string | undefined
  /** Puts what a provider answers into OpenRouter's shape. */
  readonly completer: (facts: AnswerFacts) => Completer
}

/** A request made to fit an endpoint, and what `x_aibroker` says of it. */
export interface Fitting {
  readonly body: JsonBody
  readonly note: object
}
