import type { Money } from '../base/money.ts'
import type { Caller } from '../auth/caller.ts'

/** Counts of one answer in the broker's own terms. Cached, cache-write and audio tokens are *inside* `prompt`, reasoning and audio inside `completion`. */
export interface Usage {
  readonly prompt: number
  readonly completion: number
  readonly cachedPrompt: number
  readonly cacheWrite: number
  readonly reasoning: number
  readonly audioPrompt: number
  readonly audioCompletion: number
  /** Text to speech: characters that were spoken. */
  readonly characters?: number | undefined
  /** Speech to text: milliseconds of sound that were heard. */
  readonly soundMs?: number | undefined
  /** Tokens of the prompt that stand for pictures; inside `prompt`. */
  readonly imagePrompt?: number | undefined
  /** Pictures in the prompt, where the price is per picture. */
  readonly images?: number | undefined
}

export const ZERO_USAGE: Usage = {
  prompt: 0,
  completion: 0,
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}

/** Where the counts of a row come from: the provider said so, we counted what went by, or we only know bounds. */
export type CountSource = 'reported' | 'counted' | 'bounded' | 'none'

/** What is set aside before an upstream is asked. */
export interface HoldRequest {
  /** The generation id; also the id of the row. */
  readonly id: string
  readonly caller: Caller
  /** `chat`, `embedding`, … : what was asked for. */
  readonly kind: string
  readonly modelAsked: string
  readonly streamed: boolean
  /** The most that it can cost; `undefined` when no candidate has a known price. */
  readonly most: Money | undefined
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Id of the first row of what this is a part of: all rounds and tool calls of one chat have the same. */
  readonly group?: string | undefined
  /** App that asked, from the attribution headers. */
  readonly referer?: string | undefined
  readonly title?: string | undefined
}

/** Money set aside for a running request; in memory and in the store until it is settled. */
export interface Hold extends HoldRequest {
  /** Its row in the store. */
  readonly rowid: number
}

/** How an attempt ended that was asked beside another one and not heard: no failure of its endpoint. */
export const OUTRUN = 'outrun'

/** One failed try that came before the answer. */
export interface FailedAttempt {
  readonly endpoint: string
  /** A word of `ERRORS`, or `OUTRUN`. */
  readonly code: string
  readonly status: number | undefined
  readonly ms: number
  /** It gave a part of the answer: the row's counts and cost are sums over more than one endpoint. */
  readonly gavePart?: true | undefined
}

/**
 * `finished`, the caller left, the upstream died under it, the hold was used up, refused before any answer, or found open
 * after a crash. An `adjusted` row is no request but corrects the cost of one.
 */
export type EntryStatus =
  | 'finished'
  | 'cancelled'
  | 'broken'
  | 'exhausted'
  | 'failed'
  | 'interrupted'
  | 'adjusted'

/** Whose figure a cost is: our price times the counts, what the provider says that it charged, or nobody's. */
export type CostSource = 'price' | 'upstream' | 'none'

/** What is written down when a request ends. Never changes afterwards. */
export interface Settlement {
  readonly status: EntryStatus
  /** `provider/model_id` that answered; absent when none did. */
  readonly endpoint: string | undefined
  readonly provider: string | undefined
  /** Name of the model that answered, as the catalogue has it. */
  readonly model?: string | undefined
  /** Failed ones; the last attempt is among them only if somebody else was asked to mend it. */
  readonly attempts: readonly FailedAttempt[]
  /** Attempts of all kinds; without it the failed ones and the one that answered. */
  readonly asked?: number | undefined
  readonly usage: Usage | undefined
  readonly countSource: CountSource
  /** What it cost; `undefined` is unpriced and never counts as free. */
  readonly cost: Money | undefined
  /** Bounds when the cost isn't exact. */
  readonly costLow: Money | undefined
  readonly costHigh: Money | undefined
  /** `price` without it, where there is a cost. */
  readonly costSource?: CostSource | undefined
  /** What the provider says that it cost, believed or not. */
  readonly upstreamCost?: Money | undefined
  /** Why somebody should look at this entry, in one sentence. */
  readonly flag?: string | undefined
  readonly priceVersion: string
  readonly finishReason: string | undefined
  readonly error: string | undefined
  /** Milliseconds from the start to the first token and to the end. */
  readonly firstTokenMs: number | undefined
  readonly durationMs: number
}

/** One row of `request_logs`: a hold and its settlement, forever. What a crash left open has no duration and no price version. */
export interface Entry extends Omit<HoldRequest, 'most'>, Omit<Settlement, 'durationMs' | 'priceVersion'> {
  readonly durationMs: number | undefined
  readonly priceVersion: string | undefined
  /** Id of the entry whose cost this one corrects; its own cost is the difference and may be negative. */
  readonly adjusts?: string | undefined
}

/** Which entries count. Times are unix seconds of the start of a request: from `since`, before `until`. */
export interface UsageFilter {
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly ip?: string | undefined
  /** `''` for callers without one. */
  readonly context?: string | undefined
  /** Id of a token; `''` for callers that showed none. */
  readonly token?: string | undefined
}

/** What totals can be split by. The model is the one that answered, else what was asked for. Days are those of UTC. */
export type UsageSplit = 'ip' | 'context' | 'token' | 'model' | 'day'

/** Entries added up. */
export interface UsageTotals {
  readonly requests: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
  /** Parts of the prompt and of the completion. */
  readonly cachedTokens: number
  readonly reasoningTokens: number
  /** Sum of the costs that are known. */
  readonly cost: Money
  /** Sum of the upper bounds where only bounds are known; not part of `cost`. */
  readonly uncertain: Money
  /** Entries whose price nobody knows. */
  readonly unpriced: number
  /** Unix seconds of the first and the last start; absent when there was none. */
  readonly firstSeen: number | undefined
  readonly lastSeen: number | undefined
}

/** One address, with what each model took of it. */
export interface AddressUsage extends UsageTotals {
  readonly ip: string
  /** Most expensive first. */
  readonly models: readonly ModelUsage[]
}

export interface ModelUsage extends UsageTotals {
  readonly model: string
}

/** The totals of one group; only the fields that were split by are there. */
export interface UsageGroup extends UsageTotals {
  readonly ip?: string | undefined
  readonly context?: string | undefined
  readonly token?: string | undefined
  readonly model?: string | undefined
  /** YYYY-MM-DD. */
  readonly day?: string | undefined
}

/** Everybody's usage together. */
export interface UsageSummary extends UsageTotals {
  readonly models: readonly ModelUsage[]
}

/** What a payer has spent and has set aside. */
export interface Balance {
  /** Costs of its entries; where only bounds are known, the upper one. */
  readonly spent: Money
  /** The most that its running requests can cost. */
  readonly held: Money
}

/** Entries that are not what they should be. */
export interface Doubtful {
  /** Nobody knows their price. */
  readonly unpriced: Some
  /** What the provider says that it charged is too far from our own figure to be believed. */
  readonly disputed: Some
}

export interface Some {
  readonly count: number
  /** Id of the newest; absent without any. */
  readonly newest: string | undefined
}
