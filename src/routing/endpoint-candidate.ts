import type { Catalog, Endpoint, Model } from '../catalog/catalog.ts'
import type { RouterEndpoint } from '../catalog/sources/router-endpoints.ts'

/** What routing knows of a provider. */
export interface ProviderState {
  /** A built-in stand-in: automatic choices take it only when nothing real is there. */
  readonly isStandIn: boolean
  /** A router of OpenRouter's kind: it understands preferences and chooses among providers of its own. */
  readonly speaksOpenRouter?: boolean | undefined
  /** What it does with what it is told; absent when nobody knows. */
  readonly privacy?: { readonly trains: boolean; readonly retains: boolean } | undefined
}

/** An endpoint on its way to becoming a candidate. */
export interface Offer {
  readonly model: Model
  readonly endpoint: Endpoint
  readonly state: ProviderState
}

/** How an endpoint has been doing lately; what isn't known is absent. */
export interface EndpointFigures {
  /** Milliseconds to the first token. */
  readonly latency: Percentile | undefined
  /** Tokens per second. */
  readonly throughput: Percentile | undefined
}

/** For throughput `p90` is what nine of ten answers reached. */
export interface Percentile {
  readonly p50: number
  readonly p75: number
  readonly p90: number
  readonly p99: number
}

export type FiguresOf = (endpointId: string) => EndpointFigures | undefined

/** What a request meets here: the catalogue, who is set up, and how they have been doing. */
export interface RouteSurroundings {
  readonly catalog: Catalog
  readonly providers: ReadonlyMap<string, ProviderState>
  readonly figuresOf: FiguresOf
  /** A router's own endpoints for one of its models, as far as they are known. */
  readonly behind?: ((modelId: string) => readonly RouterEndpoint[] | undefined) | undefined
}

/** An endpoint that can't be asked for this request. */
export interface Exclusion {
  readonly endpoint: Endpoint
  /** Name of the step that took it away. */
  readonly step: string
  readonly reason: string
}

/** Everybody who was left out on the way to a plan; only gathered where somebody asks why. */
export interface LeftOut {
  readonly endpoints: Exclusion[]
  /** Models of the caller's list for which nobody can be asked. */
  readonly models: { readonly model: string; readonly error: unknown }[]
}
