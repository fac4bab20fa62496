import type { BrokerError } from '../base/errors.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { DialectName } from './chat-vocabulary.ts'

/**
 * How the callers of one API speak. A route names one; the pipeline between its two functions knows chats alone. Requests come
 * in through `readRequest`, responses go out through an encoder. Pure: no I/O, no knowledge of providers.
 */
export interface ClientDialect {
  readonly name: DialectName
  /**
   * The request as a chat in the broker's own vocabulary (`chat-vocabulary.ts`), made with `chatBodyOf`. Throws `bad-request`
   * naming the field as the caller wrote it.
   */
  readRequest(request: DialectRequest): JsonBody
  /** What writes the response to one request. */
  createEncoder(facts: EncoderFacts): ResponseEncoder
  /** An error that is the whole response; its details have the id of the request, when that has got one. */
  renderError(error: BrokerError): DialectError
  /** Headers of every response, by the id of the request: what this API's clients read the id from. */
  idHeaders(id: string): Readonly<Record<string, string>>
}

/** A request as it was received. */
export interface DialectRequest {
  readonly body: JsonBody
  /** Path and query, as received. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** What is known of a response before it begins. */
export interface EncoderFacts {
  /** The generation id, `gen-…`. */
  readonly id: string
  /** The model as the caller named it. */
  readonly model: string
  readonly stream: boolean
  /** Path and query of the request, as received. */
  readonly url?: string | undefined
  /** Unix seconds. */
  readonly created: number
  /** Gets the whole response once it is complete, in the dialects whose responses can be named later. */
  readonly onFinished?: ((response: Readonly<Record<string, unknown>>) => void) | undefined
  /** The chat as `readRequest` made it; absent for a replayed response. */
  readonly request?: JsonBody | undefined
}

/**
 * Writes one response. It gets what OpenRouter's clients would get: for a stream each chunk as JSON, then `end` or `fail`;
 * otherwise `body`. Every result is text for the connection, framing included, and may be empty.
 */
export interface ResponseEncoder {
  /** The content type of a stream; server-sent events without it. */
  readonly streamType?: string | undefined
  chunk(json: string): string
  body(json: string): string
  end(): string
  /** The stream broke off. */
  fail(error: BrokerError, about: BrokenResponse): string
  /** Written when a stream has been silent for a while; empty where the dialect's clients bear nothing. */
  readonly keepAlive: string
}

/** Whose response broke off. */
export interface BrokenResponse {
  readonly model: string
  /** Display name. */
  readonly provider: string | undefined
}

/** An error as a whole response, ready to be sent. */
export interface DialectError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}
