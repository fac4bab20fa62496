import type { OutgoingHttpHeaders } from 'node:http'
import type { Target } from '../contenders/contender.ts'

/** One request that is sent repeatedly, and what a correct response to it contains. */
export interface LoadRequest {
  readonly target: Target
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  /** Approximate length of the request's body. */
  readonly bodyBytes: number
  /** Number of function definitions sent with it. */
  readonly tools: number
  readonly expect: Expected
}

export type Expected =
  /** A chat completion with `contentLength` characters of content. */
  | { readonly type: 'plain'; readonly contentLength: number }
  /** A stream of more than `chunks` events that ends with `[DONE]`. */
  | { readonly type: 'stream'; readonly chunks: number }

export type Job =
  /** Closed loop: each connection sends its next request as soon as the response is complete. */
  | {
      readonly type: 'closed'
      readonly request: LoadRequest
      readonly connections: number
      readonly forMs: number
      /** The connections start one after the other over this time, instead of all at once. */
      readonly spreadMs?: number | undefined
    }
  /** Open loop: requests are sent at a fixed rate, however many are still running. */
  | {
      readonly type: 'open'
      readonly request: LoadRequest
      readonly perSecond: number
      readonly forMs: number
    }
  /** Opens streams, waits for the first event of each, and keeps them open until `let-go`. */
  | { readonly type: 'hold'; readonly request: LoadRequest; readonly streams: number }
  | { readonly type: 'let-go' }
  /** Opens streams and hangs up on each after its first event, `connections` at a time. */
  | {
      readonly type: 'hang-up'
      readonly request: LoadRequest
      readonly streams: number
      readonly connections: number
    }

/** Times are milliseconds since the request was sent. */
export interface LoadResult {
  readonly responses: number
  readonly seconds: number
  readonly first: Quantiles
  readonly whole: Quantiles
}

export interface Quantiles {
  readonly p50: number
  readonly p99: number
}
