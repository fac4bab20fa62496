import type { Secret } from '../../base/secret.ts'
import type { BrokerError } from '../../base/errors.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { ProviderDefinition, ProviderRequest } from '../provider.ts'
import type { RequestRules } from '../request-rules/request-rules.ts'
import type { BodyConsumer } from '../transport/body-reader.ts'

/**
 * How a provider is spoken to: one object per protocol, listed in `protocols/index.ts`. A call knows connections, timeouts
 * and keys, and nothing of what travels; a protocol knows what travels, and nothing else.
 */
export interface ProviderProtocol {
  /** The headers that show a key and state the version of the API, as names and values in turn. */
  keyHeaders(key: Secret | undefined): readonly string[]
  /** What is sent for a request. Throws `not-carried` for what the protocol has no place for. */
  encode(request: ProviderRequest, facts: EncodeFacts): EncodedRequest
  /** Reads a stream and gives the broker's own chunks to the handler. */
  createStreamReader(handler: StreamHandler): StreamConsumer
  /** Reads a response that is no stream; the error when it is unusable or reports a failure. */
  readResponse(body: string, expected: ExpectedResponse): DecodedResponse | BrokerError
}

/** What a protocol may need to know beyond the request. */
export interface EncodeFacts {
  readonly definition: ProviderDefinition
  /** The key that the request is sent with: opaque thinking goes back only to the key that it came from. */
  readonly key: Secret | undefined
  /** The words of the vendor for the model; `undefined` without any. */
  readonly rules?: RequestRules | undefined
}

/** A request as it is sent. */
export interface EncodedRequest {
  /** Below the provider's base URL. */
  readonly path: string
  readonly body: string
  /** Names and values in turn, beside those of the provider. */
  readonly headers?: readonly string[] | undefined
  /** What the caller asked for and the protocol has no place for, although the response is of use without it. */
  readonly leftOut?: readonly string[] | undefined
}

/** Gets the parts of a stream: chunks, then exactly one of `onEnd` and `onError`. */
export interface StreamHandler extends EncodeFacts {
  /** The provider's name, for error messages. */
  readonly provider: string
  readonly request: ProviderRequest
  /** How many choices were requested. */
  readonly choices: number
  onChunk(json: string, parsed: ChatChunk): void
  /** Every choice has finished; usage and an end mark may still come. */
  onFinished(): void
  /** The stream went on after its finish reasons. */
  onResumed(): void
  /** The stream is complete. */
  onEnd(): void
  onError(error: BrokerError): void
}

/** Takes the bytes of a stream. */
export interface StreamConsumer extends BodyConsumer {
  /** Whether the whole response has come, although the stream may not have ended. */
  readonly isComplete: boolean
  /** Events that were malformed and were skipped. */
  readonly skipped: number
}

/** The request that a plain response belongs to. */
export interface ExpectedResponse extends EncodeFacts {
  readonly request: ProviderRequest
  /** The provider's name, for error messages. */
  readonly provider: string
  /** Of the response; empty when it has none. */
  readonly contentType: string
}

/** A plain response in the broker's own form, as text and parsed. */
export interface DecodedResponse {
  readonly json: string
  readonly response: ChatChunk
}
