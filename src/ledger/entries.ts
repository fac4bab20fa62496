import type { Row, SqlValue, Statement } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { count, maybeAmount, maybeCount, maybeText, text } from './columns.ts'
import type {
  CountSource,
  Entry,
  EntryStatus,
  FailedAttempt,
  HoldRequest,
  Settlement,
  Usage,
} from './ledger-types.ts'

/** What of a settlement may be unknown after a crash. */
export type EntrySettlement = Omit<Settlement, 'durationMs' | 'priceVersion'> &
  Pick<Entry, 'durationMs' | 'priceVersion'>

const PAGE = 256

/** In the order in which `values` gives them. */
const WRITTEN_COLUMNS = [
  'id, ip, context, kind, model, streamed, started_at, started_at_ms',
  'endpoint, provider, status, attempts, attempts_detail',
  'prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens',
  'audio_prompt_tokens, audio_completion_tokens, characters, sound_ms',
  'cost_nano, cost_low_nano, cost_high_nano, count_source, price_version',
  'finish_reason, error, first_token_ms, duration_ms, referer, title',
].join(', ')

/** `request_logs`: one row per request, written once. */
export class EntriesTable {
  readonly #insert: Statement
  readonly #find: Statement
  readonly #page: Statement

  constructor(store: Store) {
    const marks = WRITTEN_COLUMNS.split(',').fill('?').join(', ')
    this.#insert = store.prepare(`INSERT INTO request_logs (${WRITTEN_COLUMNS}) VALUES (${marks})`)
    this.#find = store.prepare('SELECT * FROM request_logs WHERE id = ?')
    this.#page = store.prepare(`
      SELECT rowid, * FROM request_logs WHERE started_at >= ? AND (started_at, rowid) < (?, ?)
      ORDER BY started_at DESC, rowid DESC LIMIT ?`)
  }

  /** Runs inside a write of the store. */
  insert(request: HoldRequest, settlement: EntrySettlement): void {
    this.#insert.run(...requestValues(request), ...settlementValues(settlement))
  }

  find(id: string): Entry | undefined {
    const row = this.#find.get(id)
    return row === undefined ? undefined : entryFrom(row)
  }

  /** Page by page, so that a slow reader keeps no snapshot of the database open. */
  *newestFirst(since: number, limit: number): Generator<Entry> {
    let last: [startedAt: SqlValue, rowid: SqlValue] = [Number.MAX_SAFE_INTEGER, 0]
    for (let left = limit; left > 0;) {
      const rows = this.#page.all(since, ...last, Math.min(left, PAGE))
      for (const row of rows) yield entryFrom(row)
      const end = rows.at(-1)
      if (end === undefined) return
      last = [end['started_at'] ?? null, end['rowid'] ?? null]
      left -= rows.length
    }
  }
}

function requestValues(request: HoldRequest): SqlValue[] {
  const { id, caller, kind, modelAsked, streamed, startedAt } = request
  const seconds = Math.floor(startedAt / 1000)
  return [id, caller.ip, caller.context ?? null, kind, modelAsked, streamed ? 1 : 0, seconds, startedAt]
}

function settlementValues(settlement: EntrySettlement): SqlValue[] {
  const { endpoint, provider, status, attempts, usage, cost, costLow, costHigh } = settlement
  return [
    endpoint ?? null,
    provider ?? null,
    status,
    attempts.length,
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
    settlement.countSource,
    settlement.priceVersion ?? null,
    settlement.finishReason ?? null,
    settlement.error ?? null,
    wholeMs(settlement.firstTokenMs),
    wholeMs(settlement.durationMs),
    settlement.referer ?? null,
    settlement.title ?? null,
  ]
}

/** Durations come from a clock with fractions; the columns are integers. */
function wholeMs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms)
}

function entryFrom(row: Row): Entry {
  return {
    id: text(row, 'id'),
    caller: { ip: text(row, 'ip'), context: maybeText(row, 'context') },
    kind: text(row, 'kind'),
    modelAsked: text(row, 'model'),
    streamed: count(row, 'streamed') === 1,
    startedAt: count(row, 'started_at_ms'),
    status: text(row, 'status') as EntryStatus,
    endpoint: maybeText(row, 'endpoint'),
    provider: maybeText(row, 'provider'),
    attempts: JSON.parse(text(row, 'attempts_detail')) as FailedAttempt[],
    usage: row['prompt_tokens'] === null ? undefined : usageFrom(row),
    countSource: text(row, 'count_source') as CountSource,
    cost: maybeAmount(row, 'cost_nano'),
    costLow: maybeAmount(row, 'cost_low_nano'),
    costHigh: maybeAmount(row, 'cost_high_nano'),
    priceVersion: maybeText(row, 'price_version'),
    finishReason: maybeText(row, 'finish_reason'),
    error: maybeText(row, 'error'),
    firstTokenMs: maybeCount(row, 'first_token_ms'),
    durationMs: maybeCount(row, 'duration_ms'),
    referer: maybeText(row, 'referer'),
    title: maybeText(row, 'title'),
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
  }
}
