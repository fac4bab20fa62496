import type { OutgoingHttpHeaders } from 'node:http'
import type { Target } from '../contenders/contender.ts'

/** One request, asked again and again, and what a right answer to it holds. */
export interface Question {
  readonly target: Target
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  /** Length of the request's body, about. */
  readonly bodyBytes: number
  /** Functions that come with it. */
  readonly tools: number
  readonly expect: Expected
}

export type Expected =
  /** A chat completion with that much content. */
  | { readonly type: 'plain'; readonly contentLength: number }
  /** A stream of at least so many events before its `[DONE]`. */
  | { readonly type: 'stream'; readonly chunks: number }

export type Job =
  /** Closed loop: so many connections, each asks again as soon as it is answered. */
  | {
      readonly type: 'closed'
      readonly question: Question
      readonly connections: number
      readonly forMs: number
      /** The connections begin one after the other within so long, instead of all at once. */
      readonly spreadMs?: number | undefined
    }
  /** Open loop: a new request whenever it is due, however many are under way. */
  | { readonly type: 'open'; readonly question: Question; readonly perSecond: number; readonly forMs: number }
  /** Opens streams, sees the first event of each, and keeps them until `let-go`. */
  | { readonly type: 'hold'; readonly question: Question; readonly streams: number }
  | { readonly type: 'let-go' }
  /** Opens streams and hangs up on each after its first event, so many at a time. */
  | {
      readonly type: 'hang-up'
      readonly question: Question
      readonly streams: number
      readonly connections: number
    }

/** Times are milliseconds since the request was sent. */
export interface LoadResult {
  readonly answers: number
  readonly seconds: number
  readonly first: Quantiles
  readonly whole: Quantiles
}

export interface Quantiles {
  readonly p50: number
  readonly p99: number
}
