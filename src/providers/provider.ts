import type { BrokerError } from '../base/errors.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { ChatChunk } from '../wire/openai/chat.ts'
import type { KeyState, Readiness } from './keys/key-pool.ts'
import type { StreamedBody } from './streamed-body.ts'
import type { RequestRulesName } from './request-rules/index.ts'
import type { UsageShape } from './usage-shape.ts'

/** The protocols that providers speak; `providers/protocols/index.ts` has them. */
export type ProtocolName = 'openai-chat' | 'anthropic' | 'gemini' | 'responses'

/** Deviations of a provider from its protocol, as data. */
export interface Quirks {
  /** The only name it knows for the maximum tokens of a response; by default the caller's own field passes through. */
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens' | undefined
  /** It refuses `stream_options`; usage is then not requested. */
  readonly refusesStreamOptions?: boolean | undefined
  /** Maximum number of inputs of one embedding request. */
  readonly maxInputs?: number | undefined
  /** The vendor whose words its requests are put into; those of its own id without it. */
  readonly requestRules?: RequestRulesName | undefined
  /** Further fields that it refuses with 400; they are left out. */
  readonly droppedFields?: readonly string[] | undefined
  /** It understands Anthropic's `cache_control` marks. */
  readonly acceptsCacheControl?: boolean | undefined
  /** It takes system messages after the first turn; without it they become text of the user, in their place. */
  readonly takesLateSystem?: boolean | undefined
  /** How a request marks the last message as the beginning of the response; by default by that message's role alone. */
  readonly prefixMarker?: PrefixMarker | undefined
  /** It understands OpenRouter's own request fields. */
  readonly speaksOpenRouter?: boolean | undefined
  /** The formats in which it gives transcripts; any by default. */
  readonly transcriptFormats?: readonly string[] | undefined
  /** It is another instance of this broker, which understands the headers of a cascade. */
  readonly speaksCascade?: boolean | undefined
  /** How its usage objects deviate from OpenAI's. */
  readonly usageShape?: UsageShape | undefined
}

/** What a provider does with prompts and responses, unless a contract says otherwise. */
export interface Privacy {
  /** It may train models on them. */
  readonly trains: boolean
  /** It keeps them beyond the request, for whatever reason. */
  readonly retains: boolean
}

/**
 * Mistral and DeepSeek want `prefix: true` on the message, Alibaba `partial: true`, vLLM `continue_final_message` on the
 * request. `none`: it is not known to continue from a prefix, so it never gets one.
 */
export type PrefixMarker = 'role' | 'prefix' | 'partial' | 'continue_final_message' | 'none'

/** The company behind a provider: where people find its policies before they send data there. */
export interface Company {
  readonly privacyPolicyUrl?: string | undefined
  readonly termsUrl?: string | undefined
  readonly statusUrl?: string | undefined
  /** ISO 3166 alpha-2. */
  readonly headquarters?: string | undefined
}

/** The facts of a definition that come from outside. */
export type SourcedFact = 'baseUrl' | 'abortStopsBilling' | 'privacy' | 'quirks' | 'usageShape'

export type Source = readonly [url: string, date: string]

/** What is known about a provider before it is configured: a few lines of data. */
export interface ProviderDefinition {
  /** Slug: `groq`. Also the first half of its endpoints' ids. */
  readonly id: string
  /** As OpenRouter's `provider` field shows it. */
  readonly displayName: string
  readonly baseUrl: string
  /** `openai-chat` by default. */
  readonly protocol?: ProtocolName | undefined
  /** Whether requests need a key. Known providers read `GROQ_API_KEY` and `GROQ_API_KEYS` for `groq`. */
  readonly needsKey: boolean
  /** Whether closing the connection of a stream stops its billing. */
  readonly abortStopsBilling: boolean
  /**
   * Whether that also holds for a request without a stream. No vendor documents it, and llama-server was seen to go on to the
   * end (2026-11).
   */
  readonly abortStopsPlainBilling?: boolean | undefined
  readonly quirks?: Quirks | undefined
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** By its terms for API customers; absent when unknown. */
  readonly privacy?: Privacy | undefined
  readonly company?: Company | undefined
  /** The form of its base URL, when that names the account or the region: then `baseUrl` is empty until it is configured. */
  readonly baseUrlForm?: string | undefined
  /** Where each of these facts is documented, and when it was read there (YYYY-MM). `unread`: the page is named from memory, so that
   * the fact has to be checked there. A fact without a source is not known. */
  readonly sources?: Readonly<Partial<Record<SourcedFact, Source>>> | undefined
  /** The built-in mock provider, which `auto` must not pick while a real provider is configured. */
  readonly isMock?: boolean | undefined
  /** A broker above that has shown that she keeps to the restrictions that are handed up. */
  readonly attestsPolicy?: boolean | undefined
  /** SHA-256 (hexadecimal) of the only certificate that is accepted, in place of one that an authority vouches for. */
  readonly fingerprint?: string | undefined
}

/** The kind of a request, which decides its path at the provider. */
export type ProviderRoute =
  | 'chat'
  | 'completions'
  | 'embeddings'
  | 'speech'
  | 'transcriptions'
  | 'translations'
  | 'rerank'
  | 'moderations'
  | 'images'
  | 'images/generations'
  | 'images/edits'
  | 'images/variations'

/** How a request whose content or response is not JSON alone is sent, and what its response may be. */
export interface MediaExchange {
  /** The form that is sent in place of the JSON body. */
  readonly form?: MediaForm | undefined
  /** The response is sound: JSON in its place is a failure. */
  readonly expectsSound?: boolean | undefined
  /** The `type` that ends a stream of events. A stream that ends without one has failed. */
  readonly lastEvents: readonly string[]
}

/** A form whose bytes are read from a file while they are sent. */
export interface MediaForm extends StreamedBody {
  readonly contentType: string
}

/** A request to a provider. */
export interface ProviderRequest {
  readonly route: ProviderRoute
  readonly media?: MediaExchange | undefined
  /** The caller's body; everything passes through but the fields that must differ for the provider. */
  readonly body: JsonBody
  /** The provider's own name for the model. */
  readonly modelId: string
  readonly stream: boolean
  /** The maximum tokens that the model can respond with, as far as the catalogue knows it. */
  readonly maxOutputTokens?: number | undefined
  /** Whether the model is known to reason, or known not to; absent when unknown. */
  readonly isReasoningModel?: boolean | undefined
  /** Opaque thinking in the history is left out: a provider has refused it. */
  readonly withoutThinking?: boolean | undefined
  /** Another endpoint can respond instead, so that this one's silence is not waited for as long as when it is alone. */
  readonly hasAlternative?: boolean | undefined
  /** Monotonic milliseconds at which the whole request must be complete. */
  readonly deadlineAt?: number | undefined
  /** Attribution of the caller's app, when there is one. */
  readonly referer: string | undefined
  readonly title: string | undefined
  /** The caller's headers. Only a router gets the few that steer it; no provider gets any other. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>> | undefined
  /** Names and values in turn: what a mother is told about the request. */
  readonly hopHeaders?: readonly string[] | undefined
}

/**
 * Handles a provider's response. For a stream: `onChunk` for each chunk, then `onEnd`. For a plain response: `onResponse`,
 * then `onEnd`. `onError` may come instead at any point and is the last call.
 */
export interface ResponseHandler {
  onChunk(json: string, parsed: ChatChunk): void
  /**
   * Of a response that is not JSON: bytes as they come, sound or server-sent events, with the provider's content type. They
   * are only valid during the call. `onEnd` follows.
   */
  onBytes?(bytes: Uint8Array, contentType: string): void
  /** An event whose bytes `onBytes` passes on: it may report the usage. */
  onEvent?(parsed: ChatChunk): void
  onResponse(json: string, parsed: ChatChunk): void
  /** The response is complete. */
  onEnd(): void
  onError(error: BrokerError): void
}

/** A request in flight. */
export interface ProviderCall {
  /** Whether anything of the request has left this host. If not, it can't be billed. */
  readonly wasSent: boolean
  /** Names of what the caller asked for and this provider does not take for this model; absent when there is none. */
  readonly leftOut?: readonly string[] | undefined
  /** Closes the connection. The handler is not called any more. */
  abort(): void
  pause(): void
  resume(): void
}

/** A provider that is configured and can take requests. */
export interface Provider {
  readonly id: string
  readonly displayName: string
  readonly keyCount: number
  /** Whether closing the connection of a stream stops its billing. */
  readonly abortStopsBilling: boolean
  /** Whether that also holds for a request without a stream; false when unknown. */
  readonly abortStopsPlainBilling?: boolean | undefined
  readonly isMock: boolean
  /** It is a broker above this one. */
  readonly isMother?: boolean | undefined
  /** A broker above that keeps to the restrictions that are handed up to her. */
  readonly attestsPolicy?: boolean | undefined
  /** A broker above on this host. */
  readonly isOnHost?: boolean | undefined
  /** It runs on this host, so requests to it stay here. */
  readonly isLocal: boolean
  /** The address of the proxy through which it is reached, without credentials; directly without it. */
  readonly proxy?: string | undefined
  readonly privacy?: Privacy | undefined
  readonly company?: Company | undefined
  /** Maximum number of inputs of one embedding request; absent when unknown. */
  readonly maxInputs?: number | undefined
  /** The formats in which it gives transcripts; any when absent. */
  readonly transcriptFormats?: readonly string[] | undefined
  /** Its responses are in OpenRouter's format already and pass through unchanged. */
  readonly speaksOpenRouter: boolean
  readonly prefixMarker: PrefixMarker
  /** Names of the request's fields that it does not take for one of its models, as far as that is known. */
  readonly refusedFields?: ((modelId: string) => ReadonlySet<string>) | undefined
  /** How its usage objects deviate from OpenAI's; absent where they do not. */
  readonly usageShape?: UsageShape | undefined
  /** Whether it can take a request for one of its models now. */
  readiness(modelId: string): Readiness
  /** Whether one of its keys made this opaque thinking, for one of its models; absent where nothing of the kind is made. */
  readonly hasMade?: ((sealed: string, modelId: string) => boolean) | undefined
  /** The states of its keys, without the keys. */
  keys(): readonly KeyState[]
  /**
   * Sends a request with the best of the keys. The handler is not called before this returns. When the provider must not
   * get a request now, the handler gets an error that says the request was not sent.
   */
  send(request: ProviderRequest, handler: ResponseHandler): ProviderCall
  /** `GET` below its base URL, for its list of models. Absent when that would start a managed server. */
  readonly getJson?: ((path: string) => Promise<unknown>) | undefined
  /** `POST` with a JSON body below its base URL; at a broker above this one only. */
  readonly postJson?: ((path: string, body: string) => Promise<unknown>) | undefined
  close(): Promise<void>
}
