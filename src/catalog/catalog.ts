import type { ModelKind } from '../base/model-kinds.ts'
import type { Money } from '../base/money.ts'

export type { ModelKind }

/** Which models exist, which endpoints offer them, at what price. A frozen snapshot: a reload creates a new one. */
export interface Catalog {
  /** Short hash of the content; ledger rows name it as the price version they used. */
  readonly version: string
  /** By the name callers use. */
  readonly models: ReadonlyMap<string, Model>
  /** By `provider/model_id`. Where several models share an id, it maps to the endpoint of the lowest priority number, then of the first model by name. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
  /** Providers to which a request for `provider/name` is forwarded although no model lists it. */
  readonly passThrough?: ReadonlySet<string> | undefined
}

export interface Model {
  readonly id: string
  readonly displayName: string
  readonly kind: ModelKind
  /** Quality in the words of the models file: `premium`, `standard`, `economy`, `free`, … `autobest` prefers `premium`. */
  readonly tier: string
  readonly capabilities: readonly string[]
  /** Tokens of prompt and response together; absent when unknown. */
  readonly contextWindow: number | undefined
  /** Maximum tokens of one response; absent when unknown. */
  readonly maxOutputTokens: number | undefined
  readonly endpoints: readonly Endpoint[]
  /** Its row in OpenRouter's catalogue; absent when there is none. */
  readonly listing?: ModelListing | undefined
  /** It comes from a provider's own list, not from the models file: available by name, and chosen by `auto` only when there is no other. */
  readonly isDiscovered?: boolean | undefined
}

/** A model's row in OpenRouter's catalogue. */
export interface ModelListing {
  /** `author/slug`. */
  readonly slug: string
  /** Unix seconds. */
  readonly created: number
  readonly description: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly supportedParameters: readonly string[]
  /** The row as received, for the fields that only clients read. */
  readonly row: Readonly<Record<string, unknown>>
}

/** One model as one provider offers it: the unit of routing. */
export interface Endpoint {
  /** `provider/model_id`, unique within a model. */
  readonly id: string
  readonly provider: string
  /** The provider's own name for the model. */
  readonly modelId: string
  /** Our name for it. */
  readonly model: string
  /** Sparse integer; the lowest is tried first. */
  readonly priority: number
  readonly contextWindow: number | undefined
  readonly maxOutputTokens: number | undefined
  /** In OpenRouter's vocabulary (`fp8`, `int4`, …); absent when unknown. */
  readonly quantization?: string | undefined
  /** Request fields it is known to honour, in OpenRouter's vocabulary; absent when no source lists them. */
  readonly supportedParameters?: readonly string[] | undefined
  /** How many brokers are between this one and the provider; absent for a provider of its own. */
  readonly hops?: number | undefined
  /** Whether a hedged request to another endpoint is allowed when this one is slow; a limit rule of the caller takes precedence. */
  readonly mayHedge?: boolean | undefined
  /** Absent when unknown: such a response is recorded as unpriced, never as free. */
  readonly price: Price | undefined
}

/** Nano-dollars per million units (tokens unless stated otherwise). An absent rate is unknown, zero is free. */
export interface Rates {
  readonly input?: Money | undefined
  readonly output?: Money | undefined
  /** Prompt tokens read from the provider's cache; without it they cost `input`. */
  readonly cachedInput?: Money | undefined
  /** Prompt tokens written to the provider's cache; without it they cost `input`. */
  readonly cacheWrite?: Money | undefined
  /** Prompt tokens written to a cache that keeps them for an hour; without it they cost `cacheWrite`. */
  readonly cacheWrite1h?: Money | undefined
  /** Without it reasoning tokens cost `output`. */
  readonly reasoning?: Money | undefined
  readonly audioInput?: Money | undefined
  readonly audioOutput?: Money | undefined
  /** Image tokens of the prompt. */
  readonly image?: Money | undefined
}

export interface Price extends Rates {
  /** A flat fee per request, in nano-dollars. */
  readonly perRequest?: Money | undefined
  /** For each image of the prompt, in nano-dollars, in addition to its tokens. */
  readonly perImage?: Money | undefined
  /** Text to speech: per million characters. */
  readonly characters?: Money | undefined
  /** Speech to text: per million hours of audio (a price such as $0.04 an hour is not exact per minute). */
  readonly hours?: Money | undefined
  /** Shorter audio is charged as this many seconds. */
  readonly minimumSeconds?: number | undefined
  /** Whole seconds of audio are charged; by default every millisecond counts. */
  readonly secondRounding?: 'up' | 'nearest' | undefined
  /** Rerank: for each search unit, in nano-dollars. */
  readonly perSearchUnit?: Money | undefined
  /** For each image that is made, in nano-dollars, by its size and quality; the first row that fits counts. */
  readonly madeImages?: readonly ImagePrice[] | undefined
  /** Rates that replace the base ones for longer prompts; ascending, each one complete. */
  readonly tiers?: readonly PriceTier[] | undefined
  /** Where the price comes from, and the day it was read there (YYYY-MM-DD). */
  readonly source: string | undefined
  readonly date: string | undefined
  /** A remark for readers, such as another source that disagrees. */
  readonly note?: string | undefined
}

/** The price of one image of a size and a quality; without one of them, of any. */
export interface ImagePrice {
  readonly size?: string | undefined
  readonly quality?: string | undefined
  readonly cost: Money
}

export interface PriceTier extends Rates {
  /** Applies to the whole request when the prompt has more tokens than this. */
  readonly aboveInputTokens: number
}
