import type { Catalog, Endpoint, Model } from '../catalog/catalog.ts'
import type { RouterEndpoint } from '../catalog/sources/router-endpoints.ts'

/** What routing knows about a configured provider. */
export interface ProviderState {
  /** The built-in mock provider: automatic choices use it only when no other provider is configured. */
  readonly isMock: boolean
  /** A router such as OpenRouter: it understands provider preferences and chooses among providers of its own. */
  readonly speaksOpenRouter?: boolean | undefined
  /** Names of the request's fields that it does not take for one of its models. */
  readonly refusedFields?: ((modelId: string) => ReadonlySet<string>) | undefined
  /** Its data policy for prompts; absent when unknown. */
  readonly privacy?: { readonly trains: boolean; readonly retains: boolean } | undefined
}

/** An endpoint that routing considers, with its model and the state of its provider. */
export interface EndpointCandidate {
  readonly model: Model
  readonly endpoint: Endpoint
  readonly state: ProviderState
}

/** The recent performance of an endpoint; unknown values are absent. */
export interface EndpointPerformance {
  /** Milliseconds to the first token. */
  readonly latency: Percentile | undefined
  /** Tokens per second. */
  readonly throughput: Percentile | undefined
}

/** For throughput `p90` is what nine of ten responses reached. */
export interface Percentile {
  readonly p50: number
  readonly p75: number
  readonly p90: number
  readonly p99: number
}

export type PerformanceOf = (endpointId: string) => EndpointPerformance | undefined

/** What routing depends on besides the request: the catalogue, the configured providers and their performance. */
export interface RoutingInput {
  readonly catalog: Catalog
  readonly providers: ReadonlyMap<string, ProviderState>
  readonly performanceOf: PerformanceOf
  /** A router's own endpoints for one of its models, as far as they are known. */
  readonly routerEndpoints?: ((modelId: string) => readonly RouterEndpoint[] | undefined) | undefined
}

/** An endpoint that was excluded for this request. */
export interface Exclusion {
  readonly endpoint: Endpoint
  /** Name of the filter that excluded it. */
  readonly step: string
  readonly reason: string
}

/** Collects what routing excludes; only passed where the reasons are wanted. */
export interface ExclusionLog {
  readonly endpoints: Exclusion[]
  /** Models of the request that have no candidate. */
  readonly models: { readonly model: string; readonly error: unknown }[]
}
