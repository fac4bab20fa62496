import type { Caller } from '../../auth/caller.ts'
import type { Money } from '../../base/money.ts'
import type { Hop } from '../../cascade/hop/read-hop.ts'
import type { Endpoint, ModelKind } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import type { ProviderCall, Provider, ProviderRoute, ProviderRequest } from '../../providers/provider.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { ResponseInfo, ResponseFormatter } from '../response/response-formatter.ts'
import type { Meter } from '../usage/usage-meter.ts'
import type { ResponseShape } from '../response/response-shape.ts'
import type { BatchResponseHandler } from './embedding-batches.ts'

/** Who sent a request, and the app that it was sent with. */
export interface RequestContext {
  readonly caller: Caller
  readonly referer: string | undefined
  readonly title: string | undefined
  /** The caller's HTTP headers: some steer a router, or say what the response should contain. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>> | undefined
  /** The shape of the API that the caller speaks; OpenRouter's without it. */
  readonly shape?: ResponseShape | undefined
  /** What a broker below says of it; absent for any other caller. */
  readonly hop?: Hop | undefined
}

/** One request to a model, of whatever kind: all that the pipeline has to know of it. */
export interface InferenceRequest {
  readonly kind: InferenceKind
  readonly body: JsonBody
  /** What providers that speak OpenRouter are sent instead. */
  readonly forRouters?: { readonly route: ProviderRoute; readonly body: JsonBody } | undefined
  /** As the caller wrote it. */
  readonly requestedModel: string
  readonly stream: boolean
  /** Best first. */
  readonly candidates: readonly Endpoint[]
  /** The maximum that it can cost; `undefined` when no candidate has a known price. */
  readonly maxCost: Money | undefined
  /** How many choices were requested; one without it. */
  readonly n?: number | undefined
  /** The caller named no maximum length of the response, so that a budget may. */
  readonly mayCapTokens?: boolean | undefined
  /** A stream of one choice, which another endpoint may resume when it breaks. */
  readonly mayResume?: boolean | undefined
  /** By endpoint id: what is sent instead to an endpoint whose context window is too small for the whole prompt. */
  readonly compressed?: ReadonlyMap<string, CompressedPrompt> | undefined
  /** The request that this one is a part of: entries of one group belong to one response. */
  readonly group?: string | undefined
}

/**
 * A kind of request: chat, completion, embedding, speech, transcription. Each kind is one file in `inference/` whose class implements this, with
 * what it has to know of its request; the pipeline knows nothing else of it.
 */
export interface InferenceKind {
  /** As routing, the ledger and the metrics name it. */
  readonly name: ModelKind
  /** The provider's API that serves it. */
  readonly route: ProviderRoute
  /** It formats the responses of routers, too, which otherwise pass as they are. */
  readonly formatsRouters?: boolean | undefined
  /** The maximum that one attempt at an endpoint can use. */
  maxUsage(endpoint: Endpoint): UsageBounds
  /** Whether the endpoint's model is known to reason, or not to; `undefined` when that is unknown. */
  reasons(endpoint: Endpoint): boolean | undefined
  /** A fresh meter for one attempt with this body at this endpoint, whose provider's usage objects have this shape. */
  createMeter(body: JsonBody, endpoint: Endpoint, shape?: UsageShape): Meter
  /** What puts the response of one attempt into the shape of the caller's API. */
  createFormatter(facts: ResponseInfo): ResponseFormatter
  /** Sends the request to a provider, in one call or in several. */
  dispatch(provider: Provider, call: ProviderRequest, listener: BatchResponseHandler): ProviderCall
}

/** A body that was compressed to fit an endpoint, and what `x_aibroker` says of that. */
export interface CompressedPrompt {
  readonly body: JsonBody
  readonly note: object
}
