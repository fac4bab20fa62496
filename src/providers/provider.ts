import type { BrokerError } from '../base/errors.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { ChatChunk } from '../wire/openai/chat.ts'
import type { LaneState, Readiness } from './keys/key-pool.ts'

/** Deviations of a provider from its protocol, as data. */
export interface Quirks {
  /** The only name it knows for the bound on an answer; by default the caller's own field passes on. */
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens' | undefined
  /** It refuses `stream_options`; usage is then never asked for. */
  readonly refusesStreamOptions?: boolean | undefined
  /** Most inputs of one embedding request. */
  readonly mostInputs?: number | undefined
  /** Sampling fields that it answers 400 to; they are left out. */
  readonly drops?: readonly string[] | undefined
  /** It understands Anthropic's `cache_control` marks. */
  readonly takesCacheControl?: boolean | undefined
  /** How it is told that the last message is the beginning of its own answer; by default by that message's role alone. */
  readonly prefixMarker?: PrefixMarker | undefined
  /** It understands OpenRouter's own request fields. */
  readonly speaksOpenRouter?: boolean | undefined
}

/** What a provider does with prompts and answers, unless a contract says otherwise. */
export interface Privacy {
  /** It may train models on them. */
  readonly trains: boolean
  /** It keeps them beyond the request, for whatever reason. */
  readonly retains: boolean
}

/**
 * Mistral and DeepSeek want `prefix: true` on the message, Alibaba `partial: true`, vLLM `continue_final_message` on the
 * request. `none`: it isn't known to continue, so it is never given the beginning of an answer.
 */
export type PrefixMarker = 'role' | 'prefix' | 'partial' | 'continue_final_message' | 'none'

/** What people want to know of a company before they trust it with their words. */
export interface Company {
  readonly privacyPolicyUrl?: string | undefined
  readonly termsUrl?: string | undefined
  readonly statusUrl?: string | undefined
  /** ISO 3166 alpha-2. */
  readonly headquarters?: string | undefined
}

/** What we know of a provider before it is configured: a few lines of data. */
export interface ProviderDefinition {
  /** Slug: `groq`. Also the first half of its endpoints' ids. */
  readonly id: string
  /** As OpenRouter's `provider` field shows it. */
  readonly displayName: string
  readonly baseUrl: string
  /** Whether it can't be asked without a key. Known providers read `GROQ_API_KEY` and `GROQ_API_KEYS` for `groq`. */
  readonly needsKey: boolean
  /** Whether closing the connection of a stream stops its billing. */
  readonly abortStopsBilling: boolean
  readonly quirks?: Quirks | undefined
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** What it does with what it is told, by its terms for API customers; absent when nobody looked it up. */
  readonly privacy?: Privacy | undefined
  readonly company?: Company | undefined
  /** A built-in stand-in that `auto` must not pick while a real provider is there. */
  readonly isStandIn?: boolean | undefined
}

/** Which of a provider's doors is asked. */
export type ProviderRoute = 'chat' | 'completions' | 'embeddings'

/** What a provider is asked. */
export interface Question {
  readonly route: ProviderRoute
  /** The caller's body; everything passes on but what the provider must see changed. */
  readonly body: JsonBody
  /** The provider's own name for the model. */
  readonly modelId: string
  readonly streamed: boolean
  /** Whether the model is known to reason, or not to; absent when nobody said. */
  readonly reasons?: boolean | undefined
  /** Monotonic milliseconds at which the whole request must be done. */
  readonly deadlineAt?: number | undefined
  /** Attribution of the caller's app, when there is one. */
  readonly referer: string | undefined
  readonly title: string | undefined
  /** The caller's own; a router is told the few that steer it, nobody anything else. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>> | undefined
}

/**
 * Hears the answer. For a stream: `chunk` for each chunk, then `end`. For a plain answer: `answer`, then `end`.
 * `fail` may come instead at any point and is the last call.
 */
export interface AnswerListener {
  chunk(json: string, chunk: ChatChunk): void
  answer(json: string, answer: ChatChunk): void
  /** The answer is whole. */
  end(): void
  fail(error: BrokerError): void
}

/** A question under way. */
export interface Asking {
  /** Leaves: the connection is closed, the listener hears nothing more. */
  abort(): void
  pause(): void
  resume(): void
}

/** A provider that is configured and ready to be asked. */
export interface Provider {
  readonly id: string
  readonly displayName: string
  readonly keyCount: number
  readonly abortStopsBilling: boolean
  readonly isStandIn: boolean
  /** Runs on this host: what it is told stays here. */
  readonly isLocal: boolean
  readonly privacy?: Privacy | undefined
  readonly company?: Company | undefined
  /** Most inputs of one embedding request; absent when it doesn't say. */
  readonly mostInputs?: number | undefined
  /** Its answers are OpenRouter's already and pass through untouched. */
  readonly speaksOpenRouter: boolean
  readonly prefixMarker: PrefixMarker
  /** How fit it is to be asked for one of its models now. */
  readiness(modelId: string): Readiness
  /** Its keys, without showing them. */
  lanes(): readonly LaneState[]
  /**
   * Asks, with the best of its keys. The listener hears nothing before this returns; when the provider must not be asked
   * now it hears a failure that says `isUnasked`.
   */
  ask(question: Question, listener: AnswerListener): Asking
  /** `GET` below its base URL, for its list of models. Absent where that would start a server. */
  readonly read?: ((path: string) => Promise<unknown>) | undefined
  close(): Promise<void>
}
