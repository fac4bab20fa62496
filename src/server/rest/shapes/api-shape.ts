import type { DialectRequest, EncoderFacts } from '../../../dialects/client-dialect.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { BrokerError } from '../../../base/errors.ts'
import type { ResponseSource } from '../../../inference/response/response-sink.ts'
import type { ResponseShape } from '../../../inference/response/response-shape.ts'
import type { ErrorRenderer } from '../../http/errors/error-response.ts'

/**
 * How one API talks to its clients: one object per route. A route names it, and nothing behind the route asks which API it
 * is: errors, responses and events take their form from it.
 */
export interface ApiShape {
  /** What the pipeline writes: chunks and responses, which `createEvents` may translate further. */
  readonly responses: ResponseShape
  /** An error in place of a response. */
  readonly renderError: ErrorRenderer
  /** The events of one response. An API that keeps no state between chunks returns the same object each time. */
  createEvents(facts: EncoderFacts): ResponseEvents
  /** Reads a request as a chat, where the API's requests are none. Throws `bad-request`. */
  readonly readRequest?: ((request: DialectRequest) => JsonBody) | undefined
  /** Headers of a response beside the usual ones, by the id of the request. */
  readonly idHeaders?: ((id: string) => Readonly<Record<string, string>>) | undefined
}

/** Turns what the pipeline writes into what is sent: texts of server-sent events, or one body. */
export interface ResponseEvents {
  /** The content type of a stream; server-sent events without it. */
  readonly streamType?: string | undefined
  /** Sent while a stream is silent, so that no proxy in between closes it as dead. */
  readonly keepAlive: string
  /** The text of the events for a chunk; empty when there is nothing to send yet. */
  chunk(json: string): string
  /** The events that end a complete stream. */
  end(): string
  /** The events that end a broken stream. */
  fail(error: BrokerError, broken: BrokenStream): string
  /** The body of an unstreamed response. */
  body(json: string): string
}

/** A stream that is about to end in an error. */
export interface BrokenStream extends ResponseSource {
  readonly id: string
  /** The `object` field of its chunks. */
  readonly object: string
  /** Unix seconds. */
  readonly created: number
  readonly hasSentChunk: boolean
}
