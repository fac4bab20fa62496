import type { Money } from '../base/money.ts'
import type { Caller } from '../auth/caller.ts'

/**
 * Usage of one response under the broker's own names. Cached, cache-write and audio tokens are *inside* `prompt`, reasoning
 * and audio tokens inside `completion`.
 */
export interface Usage {
  readonly prompt: number
  readonly completion: number
  readonly cachedPrompt: number
  readonly cacheWrite: number
  /** Written to a cache that keeps them for an hour; inside `cacheWrite`. */
  readonly cacheWrite1h?: number | undefined
  readonly reasoning: number
  readonly audioPrompt: number
  readonly audioCompletion: number
  /** Text to speech: number of spoken characters. */
  readonly characters?: number | undefined
  /** Speech to text: milliseconds of transcribed sound. */
  readonly soundMs?: number | undefined
  /** Tokens of images in the prompt; inside `prompt`. */
  readonly imagePrompt?: number | undefined
  /** Number of images in the prompt, when the price is per image. */
  readonly images?: number | undefined
  /** Rerank: search units, when the price is per unit. */
  readonly searchUnits?: number | undefined
  /** Number of images that were made, when the price is per image. */
  readonly madeImages?: number | undefined
  /** Their size and quality, as `imageClassOf` writes them. */
  readonly imageClass?: string | undefined
}

/** No usage at all. */
export const ZERO_USAGE: Usage = {
  prompt: 0,
  completion: 0,
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}

/** Where the counts of an entry come from: the provider reported them, the broker counted them, or only bounds are known. */
export type CountSource = 'reported' | 'counted' | 'bounded' | 'none'

/** A request as the ledger knows it, from the hold to the entry. */
export interface LedgerRequest {
  /** The generation id; also the id of the entry. */
  readonly id: string
  readonly caller: Caller
  /** The kind of request: `chat`, `embedding`, … */
  readonly kind: string
  readonly requestedModel: string
  readonly streamed: boolean
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The id of the group's first entry: all rounds and tool calls of one chat are a group. */
  readonly group?: string | undefined
  /** The calling app, from the attribution headers. */
  readonly referer?: string | undefined
  readonly title?: string | undefined
}

/** The place of a request in a cascade of brokers. */
export interface CascadeLink {
  /** The id that the broker below gave to it. */
  readonly childRequest?: string | undefined
  /** Ids of the brokers that it has passed, the child last. */
  readonly path?: readonly string[] | undefined
  /** Labels of the caller at the broker below; they give no right. */
  readonly childContext?: string | undefined
  readonly childCaller?: string | undefined
  /** The lease that it is charged under. */
  readonly lease?: string | undefined
  /** The brokers above that it may be sent to; absent when it may be sent to other providers, too. */
  readonly mothers?: readonly string[] | undefined
}

/** A request for which money is set aside before anything is sent upstream. */
export interface HoldRequest extends LedgerRequest {
  /** The maximum that it can cost; `undefined` when no candidate has a known price. */
  readonly maxCost: Money | undefined
  /** Absent for a request that neither comes from a broker nor may go to one. */
  readonly link?: CascadeLink | undefined
}

/** Money set aside for a running request; in memory and in the store until it is settled. */
export interface Hold extends HoldRequest {
  /** Its row in the table `holds`. */
  readonly rowid: number
}

/** The code of an attempt that lost against a hedged one: no failure of its endpoint. */
export const OUTRUN = 'outrun'

/** A failed attempt before the response. Serialized into the column `attempts_detail` as it is. */
export interface FailedAttempt {
  readonly endpoint: string
  /** A code of `ERRORS`, or `OUTRUN`. */
  readonly code: string
  readonly status: number | undefined
  readonly ms: number
  /** The attempt contributed a part of the response: usage and cost of the entry are sums over more than one endpoint. */
  readonly gavePart?: true | undefined
}

/**
 * How a request ended. `cancelled`: the caller disconnected. `broken`: the response broke off. `exhausted`: the hold was used
 * up. `failed`: refused before any response. `interrupted`: its hold was found open after a crash. An `adjusted` entry is no
 * request but corrects the cost of one.
 */
export type EntryStatus =
  | 'finished'
  | 'cancelled'
  | 'broken'
  | 'exhausted'
  | 'failed'
  | 'interrupted'
  | 'adjusted'

/** Source of the cost: the price times the usage, reported by the provider, or unknown. */
export type CostSource = 'price' | 'upstream' | 'none'

/** What is recorded when a request has ended. It never changes afterwards. */
export interface Settlement {
  readonly status: EntryStatus
  /** `provider/model_id` of the endpoint that responded; absent when none did. */
  readonly endpoint: string | undefined
  readonly provider: string | undefined
  /** The catalog's name of the model that responded. */
  readonly model?: string | undefined
  /** Failed attempts; the last attempt is among them only if another endpoint was to continue its response. */
  readonly attempts: readonly FailedAttempt[]
  /** Number of all attempts; by default the failed ones and the one that responded. */
  readonly attemptCount?: number | undefined
  readonly usage: Usage | undefined
  readonly countSource: CountSource
  /** What it cost; `undefined` is unpriced, and never counts as free. */
  readonly cost: Money | undefined
  /** Bounds when the cost is not exact. */
  readonly costLow: Money | undefined
  readonly costHigh: Money | undefined
  /** `price` by default, when there is a cost. */
  readonly costSource?: CostSource | undefined
  /** What the provider reported as the cost, accepted or not. */
  readonly upstreamCost?: Money | undefined
  /** Why the entry needs an administrator's attention, in one sentence. */
  readonly flag?: string | undefined
  /** What it costs by our own price, where a broker above charged for it. */
  readonly listCost?: Money | undefined
  readonly priceVersion: string
  readonly finishReason: string | undefined
  readonly error: string | undefined
  /** Milliseconds from the start to the first token and to the end. */
  readonly firstTokenMs: number | undefined
  readonly durationMs: number
}

/**
 * One row of `request_logs`: a hold and its settlement, forever. What a crash left open has no duration and no price version.
 */
export interface Entry extends LedgerRequest, Omit<Settlement, 'durationMs' | 'priceVersion'> {
  readonly durationMs: number | undefined
  readonly priceVersion: string | undefined
  /** What counts against budgets beyond the cost. An adjustment may take a part of it back. */
  readonly uncertain?: Money | undefined
  /** Id of the entry whose cost this one corrects; its own cost is the difference and may be negative. */
  readonly adjusts?: string | undefined
}

/** Which entries count. Times are unix seconds of the start of a request: from `since`, before `until`. */
export interface UsageFilter {
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly ip?: string | undefined
  /** `''` for callers without a context. */
  readonly context?: string | undefined
  /** Id of a token; `''` for callers that sent none. */
  readonly token?: string | undefined
}

/**
 * Fields that totals can be split by. The model is the one that responded, otherwise the requested one. Days are those of
 * UTC.
 */
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
  /** What entries with bounds may have cost beyond `cost`, up to their upper bounds. */
  readonly uncertain: Money
  /** Number of entries whose cost is unknown. */
  readonly unpriced: number
  /** Unix seconds of the first and the last start; absent when there is no entry. */
  readonly firstSeen: number | undefined
  readonly lastSeen: number | undefined
}

/** The usage of one address, in total and by model. */
export interface AddressUsage extends UsageTotals {
  readonly ip: string
  /** Most expensive first. */
  readonly models: readonly ModelUsage[]
}

export interface ModelUsage extends UsageTotals {
  readonly model: string
}

/** The totals of one group; only the fields that were split by are present. */
export interface UsageGroup extends UsageTotals {
  readonly ip?: string | undefined
  readonly context?: string | undefined
  readonly token?: string | undefined
  readonly model?: string | undefined
  /** YYYY-MM-DD. */
  readonly day?: string | undefined
}

/** The usage of all callers together. */
export interface UsageSummary extends UsageTotals {
  readonly models: readonly ModelUsage[]
}

/** What a payer has spent and has set aside. */
export interface Balance {
  /** The costs of its entries; where they are uncertain, the upper bounds count. */
  readonly spent: Money
  /** The maximum that its running requests can cost. */
  readonly held: Money
}

/** Entries that need an administrator's attention. */
export interface NeedsReview {
  /** Entries whose price is unknown. */
  readonly unpriced: CountWithLatest
  /** Entries whose cost as the provider reported it is too far from our own figure to be accepted. */
  readonly disputed: CountWithLatest
}

/** How many entries there are, and the newest one. */
export interface CountWithLatest {
  readonly count: number
  /** Id of the newest entry; absent when there is none. */
  readonly newest: string | undefined
}
