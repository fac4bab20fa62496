import type { Row, SqlValue } from '../../store/sql.ts'
import { amount, count, maybeAmount, maybeCount, maybeText, text } from './row-readers.ts'
import type {
  CostSource,
  CountSource,
  Entry,
  EntryStatus,
  FailedAttempt,
  LedgerRequest,
  Settlement,
  Usage,
} from '../types.ts'
import { uncertainOf } from '../uncertainty.ts'

/** A settlement in which the fields that are unknown after a crash may be absent. */
export type EntrySettlement = Omit<Settlement, 'durationMs' | 'priceVersion'> &
  Pick<Entry, 'durationMs' | 'priceVersion'>

/** The entry that an adjustment corrects, and how it changes that entry's uncertain amounts. */
export interface Adjustment {
  readonly adjusts: string
  readonly uncertain: bigint
  /** −1 when the entry had no price and now has one, otherwise 0. */
  readonly unpriced: number
  readonly bookedAt: number
}

/** The columns that every row with a hash has had from the start. */
const FIRST_COLUMNS: readonly string[] = [
  'id, ip, context, token, kind, model, streamed, started_at, started_at_ms, referer, title',
  'endpoint, provider, status, attempts, attempts_detail',
  'prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens',
  'audio_prompt_tokens, audio_completion_tokens, characters, sound_ms',
  'cost_nano, cost_low_nano, cost_high_nano, uncertain_nano, unpriced, upstream_cost_nano, cost_source',
  'count_source, price_version, finish_reason, flag, error, first_token_ms, duration_ms, adjusts, booked_at_ms',
].flatMap((line) => line.split(', '))

/** Columns that were added later. New ones go to the end, and none ever changes its position. */
const LATER_COLUMNS: readonly string[] = [
  'answered_model',
  'group_id',
  'image_prompt_tokens',
  'images',
  'search_units',
  'made_images',
  'image_class',
]

/** Every column of a row that its hash covers, in the order in which `rowValues` gives them. */
export const ROW_COLUMNS: readonly string[] = [...FIRST_COLUMNS, ...LATER_COLUMNS]

/** Columns from this index on are part of a hash only when they are not NULL, and under their name. */
export const FIRST_LATER_COLUMN = FIRST_COLUMNS.length

/** The values of `ROW_COLUMNS` for a request that has ended, in their order. */
export function rowValues(
  request: LedgerRequest,
  settlement: EntrySettlement,
  adjustment?: Adjustment,
): SqlValue[] {
  const { caller, startedAt } = request
  const { usage, attempts, cost, costLow, costHigh } = settlement
  return [
    request.id,
    caller.ip,
    caller.context ?? null,
    caller.token ?? null,
    request.kind,
    request.requestedModel,
    request.streamed ? 1 : 0,
    Math.floor(startedAt / 1000),
    startedAt,
    request.referer ?? null,
    request.title ?? null,
    settlement.endpoint ?? null,
    settlement.provider ?? null,
    settlement.status,
    settlement.attemptCount ?? attempts.length + (settlement.endpoint === undefined ? 0 : 1),
    attempts.length === 0 ? '[]' : JSON.stringify(attempts),
    usage?.prompt ?? null,
    usage?.completion ?? null,
    usage?.cachedPrompt ?? null,
    usage?.cacheWrite ?? null,
    usage?.reasoning ?? null,
    usage?.audioPrompt ?? null,
    usage?.audioCompletion ?? null,
    usage?.characters ?? null,
    usage?.soundMs ?? null,
    cost ?? null,
    costLow ?? null,
    costHigh ?? null,
    adjustment?.uncertain ?? uncertainOf(settlement),
    adjustment?.unpriced ?? (cost === undefined && costHigh === undefined ? 1 : 0),
    settlement.upstreamCost ?? null,
    cost === undefined ? 'none' : (settlement.costSource ?? 'price'),
    settlement.countSource,
    settlement.priceVersion ?? null,
    settlement.finishReason ?? null,
    settlement.flag ?? null,
    settlement.error ?? null,
    wholeMs(settlement.firstTokenMs),
    wholeMs(settlement.durationMs),
    adjustment?.adjusts ?? null,
    adjustment?.bookedAt ?? null,
    settlement.model ?? null,
    request.group ?? null,
    usage?.imagePrompt ?? null,
    usage?.images ?? null,
    usage?.searchUnits ?? null,
    usage?.madeImages ?? null,
    usage?.imageClass ?? null,
  ]
}

/** Durations come from a clock with fractions; the columns are integers. */
function wholeMs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms)
}

/** Reads an entry from a row of `request_logs`. */
export function entryFrom(row: Row): Entry {
  return {
    id: text(row, 'id'),
    caller: { ip: text(row, 'ip'), context: maybeText(row, 'context'), token: maybeText(row, 'token') },
    kind: text(row, 'kind'),
    requestedModel: text(row, 'model'),
    streamed: count(row, 'streamed') === 1,
    startedAt: count(row, 'started_at_ms'),
    group: maybeText(row, 'group_id'),
    referer: maybeText(row, 'referer'),
    title: maybeText(row, 'title'),
    status: text(row, 'status') as EntryStatus,
    endpoint: maybeText(row, 'endpoint'),
    provider: maybeText(row, 'provider'),
    model: maybeText(row, 'answered_model'),
    attemptCount: count(row, 'attempts'),
    attempts: JSON.parse(text(row, 'attempts_detail')) as FailedAttempt[],
    usage: row['prompt_tokens'] === null ? undefined : usageFrom(row),
    countSource: text(row, 'count_source') as CountSource,
    cost: maybeAmount(row, 'cost_nano'),
    costLow: maybeAmount(row, 'cost_low_nano'),
    costHigh: maybeAmount(row, 'cost_high_nano'),
    uncertain: amount(row, 'uncertain_nano'),
    costSource: text(row, 'cost_source') as CostSource,
    upstreamCost: maybeAmount(row, 'upstream_cost_nano'),
    flag: maybeText(row, 'flag'),
    priceVersion: maybeText(row, 'price_version'),
    finishReason: maybeText(row, 'finish_reason'),
    error: maybeText(row, 'error'),
    firstTokenMs: maybeCount(row, 'first_token_ms'),
    durationMs: maybeCount(row, 'duration_ms'),
    adjusts: maybeText(row, 'adjusts'),
  }
}

function usageFrom(row: Row): Usage {
  return {
    prompt: count(row, 'prompt_tokens'),
    completion: count(row, 'completion_tokens'),
    cachedPrompt: count(row, 'cached_tokens'),
    cacheWrite: count(row, 'cache_write_tokens'),
    reasoning: count(row, 'reasoning_tokens'),
    audioPrompt: count(row, 'audio_prompt_tokens'),
    audioCompletion: count(row, 'audio_completion_tokens'),
    characters: maybeCount(row, 'characters'),
    soundMs: maybeCount(row, 'sound_ms'),
    imagePrompt: maybeCount(row, 'image_prompt_tokens'),
    images: maybeCount(row, 'images'),
    searchUnits: maybeCount(row, 'search_units'),
    madeImages: maybeCount(row, 'made_images'),
    imageClass: maybeText(row, 'image_class'),
  }
}
