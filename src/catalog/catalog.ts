import type { Money } from '../base/money.ts'

/** What a model is for; decides which door may ask it. */
export type ModelKind = 'chat' | 'embedding' | 'speech' | 'transcription'

/** Which models exist, which endpoints offer them, at what price. A frozen snapshot: a reload makes a new one. */
export interface Catalog {
  /** Short hash of the content; ledger rows name it as the price version they used. */
  readonly version: string
  /** By the name callers use. */
  readonly models: ReadonlyMap<string, Model>
  /** By `provider/model_id`. Where several models share one, the model that ranks it first (then the first by name) has it. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
}

export interface Model {
  readonly id: string
  readonly displayName: string
  readonly kind: ModelKind
  /** How good, in the file's own words: `premium`, `standard`, `economy`, `free`, … ; `autobest` asks for `premium`. */
  readonly tier: string
  readonly capabilities: readonly string[]
  /** Tokens of prompt and answer together; absent when unknown. */
  readonly contextWindow: number | undefined
  /** Most tokens of one answer; absent when unknown. */
  readonly maxOutputTokens: number | undefined
  readonly endpoints: readonly Endpoint[]
  /** What OpenRouter's catalogue tells of it; absent when it isn't there. */
  readonly listing?: ModelListing | undefined
  /** It comes from a provider's own list, not from the models file: to be asked for by name, never chosen by `auto` before others. */
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
  /** The row as it came, for the fields that only clients look at. */
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
  /** Sparse integer, lower is asked first. */
  readonly priority: number
  readonly contextWindow: number | undefined
  readonly maxOutputTokens: number | undefined
  /** As OpenRouter says it (`fp8`, `int4`, …); absent when unknown. */
  readonly quantization?: string | undefined
  /** Request fields it is known to honour, in OpenRouter's vocabulary; absent when nobody listed them. */
  readonly supportedParameters?: readonly string[] | undefined
  /** Whether somebody else may be asked beside it when it is slow; what a rule of the caller says comes first. */
  readonly mayHedge?: boolean | undefined
  /** Absent when nobody knows: such an answer is booked as unpriced, never as free. */
  readonly price: Price | undefined
}

/** Nano-dollars per million units (tokens unless said otherwise). An absent rate is unknown, zero is really free. */
export interface Rates {
  readonly input?: Money | undefined
  readonly output?: Money | undefined
  /** Prompt tokens read from the provider's cache; without it they cost `input`. */
  readonly cachedInput?: Money | undefined
  /** Prompt tokens written to the provider's cache; without it they cost `input`. */
  readonly cacheWrite?: Money | undefined
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
  /** For each picture of the prompt, in nano-dollars, on top of its tokens. */
  readonly perImage?: Money | undefined
  /** Text to speech: per million characters. */
  readonly characters?: Money | undefined
  /** Speech to text: per million hours of sound (hours, for a price such as $0.04 an hour has no exact minute). */
  readonly hours?: Money | undefined
  /** Shorter sound is billed as this many seconds. */
  readonly minimumSeconds?: number | undefined
  /** Rates that replace the base ones when the prompt is longer; ascending, each one complete. */
  readonly tiers?: readonly PriceTier[] | undefined
  /** Where the figures come from, and the day they were read there (YYYY-MM-DD). */
  readonly source: string | undefined
  readonly date: string | undefined
  /** What a reader should know, such as another source that disagrees. */
  readonly note?: string | undefined
}

export interface PriceTier extends Rates {
  /** Applies to the whole request when the prompt has more tokens than this. */
  readonly aboveInputTokens: number
}
