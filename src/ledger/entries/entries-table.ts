import type { Row, SqlValue, Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import { count, maybeText } from './row-readers.ts'
import { ChainHeads, NO_HASH, RowHasher } from './hash-chain.ts'
import { entryFrom, ROW_COLUMNS, rowValues, type Adjustment, type EntrySettlement } from './entry-row.ts'
import type { NeedsReview, Entry, LedgerRequest, CountWithLatest, UsageFilter } from '../types.ts'

const PAGE = 256

/** Which entries to read. */
export interface EntryFilter extends UsageFilter {
  readonly limit?: number | undefined
}

const COLUMNS: readonly string[] = [...ROW_COLUMNS, 'hash']

/**
 * Columns that have the same value in nearly every row. A row in which all of them have it is written without binding them:
 * 0.9 of 5 µs.
 */
const CONSTANT: ReadonlyMap<string, SqlValue> = new Map([
  ...constant(
    null,
    'context, token, referer, title, characters, sound_ms, cost_low_nano, cost_high_nano, upstream_cost_nano',
  ),
  ...constant(null, 'flag, error, adjusts, booked_at_ms, group_id, image_prompt_tokens, images'),
  ...constant(null, 'search_units, made_images, image_class'),
  ...constant(
    0,
    'cache_write_tokens, audio_prompt_tokens, audio_completion_tokens, uncertain_nano, unpriced',
  ),
  ...constant('[]', 'attempts_detail'),
])
const CONSTANT_PLACES = [...CONSTANT].map(([name, value]) => ({ at: COLUMNS.indexOf(name), value }))
const VARYING_PLACES = COLUMNS.flatMap((name, at) => (CONSTANT.has(name) ? [] : [at]))

function constant(value: SqlValue, names: string): [string, SqlValue][] {
  return names.split(', ').map((name) => [name, value])
}

/** `request_logs`: one row per request, written once, chained per payer. */
export class EntriesTable {
  readonly #insert: Statement
  readonly #insertUsual: Statement
  readonly #find: Statement
  readonly #page: Statement
  readonly #adjustments: Statement
  readonly #lastHash: Statement
  readonly #rolledHash: Statement
  readonly #unpriced: Statement
  readonly #disputed: Statement
  readonly #hasher = new RowHasher()
  /** The last hash of each payer, in memory. */
  readonly heads = new ChainHeads()

  constructor(store: Store) {
    this.#insert = insertOf(store, () => '?')
    this.#insertUsual = insertOf(store, (name) => literalOf(CONSTANT.get(name)))
    this.#find = store.prepare('SELECT * FROM request_logs WHERE id = ?')
    this.#adjustments = store.prepare('SELECT * FROM request_logs WHERE adjusts = ? ORDER BY seq')
    this.#page = store.prepare(`
      SELECT * FROM request_logs
      WHERE started_at >= ?1 AND started_at < ?2 AND (started_at, seq) < (?3, ?4)
        AND (?5 IS NULL OR ip = ?5) AND (?6 IS NULL OR ifnull(context, '') = ?6) AND (?7 IS NULL OR ifnull(token, '') = ?7)
      ORDER BY started_at DESC, seq DESC LIMIT ?8`)
    this.#lastHash = store.prepare(
      'SELECT hash FROM request_logs WHERE ip = ? AND context IS ? ORDER BY seq DESC LIMIT 1',
    )
    this.#rolledHash = store.prepare('SELECT hash FROM chain_heads WHERE ip = ? AND context = ?')
    // With max() SQLite takes the other columns from the row that has the maximum. Both queries use an index of such rows
    // only.
    const since = 'max(started_at), id FROM request_logs WHERE started_at >= ? AND'
    this.#unpriced = store.prepare(`SELECT ifnull(sum(unpriced), 0) AS count, ${since} unpriced <> 0`)
    this.#disputed = store.prepare(
      `SELECT count(*) AS count, ${since} upstream_cost_nano IS NOT NULL AND cost_source <> 'upstream'`,
    )
    this.heads.load(store.prepare('SELECT ip, context, hash FROM chain_heads').all())
    const later = store.prepare(`
      SELECT ip, context, hash FROM request_logs
      WHERE seq > (SELECT value FROM ledger_marks WHERE name = 'rolled_up') ORDER BY seq`)
    this.heads.load(later.all())
  }

  /** Returns a job that writes one row: the last step of a write of the store. It may run again after a rollback. */
  writing(request: LedgerRequest, settlement: EntrySettlement, adjustment?: Adjustment): () => void {
    const row = rowValues(request, settlement, adjustment)
    row.push(NO_HASH)
    const { caller } = request
    let hasRun = false
    return () => {
      // After a rollback the heads in memory may belong to rows that do not exist.
      const before = hasRun ? this.#storedHead(caller) : this.heads.of(caller)
      hasRun = true
      const hash = this.#hasher.hash(before, row)
      row[ROW_COLUMNS.length] = hash
      // `get` although no row is returned: `run` would build an object with the changes, for 0.3 µs.
      if (isUsual(row)) this.#insertUsual.get(...varyingOf(row))
      else this.#insert.get(...row)
      this.heads.set(caller, hash)
    }
  }

  needsReview(since: number): NeedsReview {
    return {
      unpriced: countWithLatest(this.#unpriced.get(since)),
      disputed: countWithLatest(this.#disputed.get(since)),
    }
  }

  find(id: string): Entry | undefined {
    const row = this.#find.get(id)
    return row === undefined ? undefined : entryFrom(row)
  }

  /** The corrections of an entry, oldest first. */
  adjustmentsOf(id: string): Entry[] {
    return this.#adjustments.all(id).map(entryFrom)
  }

  /**
   * Reads page by page, so that a slow reader keeps neither a snapshot of the database open nor more than a page in memory.
   */
  *newestFirst({ since = 0, until, ip, context, token, limit = Infinity }: EntryFilter): Generator<Entry> {
    const end = until ?? Number.MAX_SAFE_INTEGER
    let last: [startedAt: SqlValue, seq: SqlValue] = [Number.MAX_SAFE_INTEGER, 0]
    for (let left = limit; left > 0;) {
      const wanted = Math.min(left, PAGE)
      const rows = this.#page.all(since, end, ...last, ip ?? null, context ?? null, token ?? null, wanted)
      for (const row of rows) yield entryFrom(row)
      const oldest = rows.at(-1)
      if (oldest === undefined || rows.length < wanted) return
      last = [oldest['started_at'] ?? null, oldest['seq'] ?? null]
      left -= rows.length
    }
  }

  #storedHead({ ip, context }: LedgerRequest['caller']): string {
    const row = this.#lastHash.get(ip, context ?? null) ?? this.#rolledHash.get(ip, context ?? '')
    return row === undefined ? NO_HASH : (maybeText(row, 'hash') ?? NO_HASH)
  }
}

function isUsual(row: readonly SqlValue[]): boolean {
  for (const { at, value } of CONSTANT_PLACES) if (row[at] !== value) return false
  return true
}

function varyingOf(row: readonly SqlValue[]): SqlValue[] {
  const values: SqlValue[] = []
  for (const at of VARYING_PLACES) values.push(row[at] ?? null)
  return values
}

/** @param termOf the SQL for the value of a column. */
function insertOf(store: Store, termOf: (name: string) => string): Statement {
  return store.prepare(
    `INSERT INTO request_logs (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(termOf).join(', ')})`,
  )
}

function literalOf(value: SqlValue | undefined): string {
  if (value === undefined) return '?'
  if (value === null) return 'NULL'
  return typeof value === 'string' ? `'${value}'` : String(value)
}

function countWithLatest(row: Row | undefined): CountWithLatest {
  return row === undefined ? NONE : { count: count(row, 'count'), newest: maybeText(row, 'id') }
}

const NONE: CountWithLatest = { count: 0, newest: undefined }
