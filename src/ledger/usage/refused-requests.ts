import type { Caller } from '../../auth/caller.ts'
import type { Clock } from '../../base/clock.ts'
import type { SqlValue, Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import { count, text } from '../entries/row-readers.ts'
import type { UsageFilter } from '../types.ts'

/** Why a request was refused, as its caller saw it: a budget, a rate limit, or a broker that can't take it now. */
export type RefusalStatus = 402 | 429 | 503

/** Requests of one caller that were refused on one day (counted from 1970-01-01 UTC) with one status. */
export interface RefusedCount {
  readonly day: number
  /** `OTHERS` for the callers beyond the most that are counted by name. */
  readonly ip: string
  /** `''` without one, as `token`. */
  readonly context: string
  readonly token: string
  readonly status: number
  readonly requests: number
}

/** Counts what has no row in the ledger. */
export interface RefusedRequests {
  /** In memory; written a second later, together with the other writes. */
  count(caller: Caller, status: RefusalStatus): void
  /** Of every day that the period touches, the newest first. */
  counts(filter?: UsageFilter): Promise<readonly RefusedCount[]>
  /** Writes what is counted. While nothing can be written it stays in memory, and this resolves as well. */
  flush(): Promise<void>
}

/** The address under which callers are counted that are too many to be counted by name. */
export const OTHERS = 'others'

/** A bound, because callers can be many. */
const MAX_CALLERS_PER_WRITE = 1000
const MAX_ROWS_PER_DAY = 10_000
const WRITE_AFTER_MS = 1000
const DAY_S = 86_400

export function createRefusedRequests(store: Store, clock: Clock): RefusedRequests {
  return new StoredRefusals(store, clock)
}

class StoredRefusals implements RefusedRequests {
  readonly #store: Store
  readonly #clock: Clock
  readonly #add: Statement
  readonly #insert: Statement
  readonly #rowsOfDay: Statement
  #pending = new Map<string, RefusedCount>()
  #writing: Promise<void> | undefined
  #isScheduled = false

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#add = store.prepare(
      'UPDATE refused_requests SET requests = requests + ? WHERE day = ? AND ip = ? AND context = ? AND token = ? AND status = ?',
    )
    this.#insert = store.prepare(
      `INSERT INTO refused_requests (requests, day, ip, context, token, status) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET requests = requests + excluded.requests`,
    )
    this.#rowsOfDay = store.prepare('SELECT count(*) AS n FROM refused_requests WHERE day = ?')
  }

  count({ ip, context = '', token = '' }: Caller, status: RefusalStatus): void {
    const day = Math.floor(this.#clock.now() / 1000 / DAY_S)
    this.#addPending({ day, ip, context, token, status, requests: 1 })
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.after(WRITE_AFTER_MS, () => {
      this.#isScheduled = false
      void this.flush()
    })
  }

  async counts({ since = 0, until = Number.MAX_SAFE_INTEGER, ...whose }: UsageFilter = {}) {
    await this.flush()
    const conditions = ['day >= ?', 'day * 86400 < ?']
    const values: SqlValue[] = [Math.floor(since / DAY_S), until]
    for (const name of ['ip', 'context', 'token'] as const) {
      const value = whose[name]
      if (value === undefined) continue
      conditions.push(`${name} = ?`)
      values.push(value)
    }
    const rows = this.#store
      .prepare(
        `SELECT * FROM refused_requests WHERE ${conditions.join(' AND ')} ORDER BY day DESC, ip, context, token, status`,
      )
      .all(...values)
    return rows.map((row) => ({
      day: count(row, 'day'),
      ip: text(row, 'ip'),
      context: text(row, 'context'),
      token: text(row, 'token'),
      status: count(row, 'status'),
      requests: count(row, 'requests'),
    }))
  }

  async flush(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing
    if (this.#pending.size === 0) return
    const batch = [...this.#pending.values()]
    this.#pending = new Map()
    this.#writing = this.#store
      .write(() => batch.forEach((counted) => this.#write(counted)))
      .catch(() => batch.forEach((counted) => this.#addPending(counted)))
    await this.#writing
    this.#writing = undefined
  }

  #addPending(counted: RefusedCount): void {
    const own = keyOf(counted)
    const isNew = !this.#pending.has(own)
    const named = isNew && this.#pending.size >= MAX_CALLERS_PER_WRITE ? withoutName(counted) : counted
    const key = keyOf(named)
    const requests = (this.#pending.get(key)?.requests ?? 0) + counted.requests
    this.#pending.set(key, { ...named, requests })
  }

  #write(counted: RefusedCount): void {
    if (Number(this.#add.run(...valuesOf(counted)).changes) > 0) return
    const { n } = this.#rowsOfDay.get(counted.day) ?? { n: 0 }
    this.#insert.run(...valuesOf(Number(n) < MAX_ROWS_PER_DAY ? counted : withoutName(counted)))
  }
}

function keyOf({ day, ip, context, token, status }: RefusedCount): string {
  return JSON.stringify([day, ip, context, token, status])
}

function withoutName({ day, status, requests }: RefusedCount): RefusedCount {
  return { day, ip: OTHERS, context: '', token: '', status, requests }
}

function valuesOf({ requests, day, ip, context, token, status }: RefusedCount): SqlValue[] {
  return [requests, day, ip, context, token, status]
}
