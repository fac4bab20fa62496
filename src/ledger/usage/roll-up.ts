import type { Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import { count } from '../entries/row-readers.ts'
import { ClearedDays, SUMS_BY_DAY } from './cleared-days.ts'
import { DAY_UPSERT } from './usage-sums.ts'

/** Number of rows that are added up in one write, which takes about 2 ms. */
const SLICE = 500
const DAY_S = 86_400

/**
 * Adds rows up per day, so that totals need not read all rows, and old rows can be deleted while totals stay exact.
 * `usage_days` and `chain_heads` are complete up to a mark; readers have to add the rows after it.
 */
export class RollUp {
  readonly #store: Store
  readonly #mark: Statement
  readonly #setMark: Statement
  readonly #lastSeq: Statement
  readonly #addDays: Statement
  readonly #updateHeads: Statement
  readonly #updateAnchors: Statement
  readonly #oldest: Statement
  readonly #deleteRows: Statement
  readonly #clearedDays: ClearedDays
  #newRows: number
  #running: Promise<void> | undefined

  constructor(store: Store) {
    this.#store = store
    this.#mark = store.prepare('SELECT value FROM ledger_marks WHERE name = ?')
    this.#setMark = store.prepare('UPDATE ledger_marks SET value = ? WHERE name = ?')
    this.#lastSeq = store.prepare('SELECT ifnull(max(seq), 0) AS seq FROM request_logs')
    this.#addDays = store.prepare(
      `INSERT INTO usage_days ${SUMS_BY_DAY} ON CONFLICT DO UPDATE SET ${DAY_UPSERT}`,
    )
    // With max() SQLite takes the other columns from the row that has the maximum.
    const lastOfPayers = `
      SELECT ip, ifnull(context, ''), max(seq), hash FROM request_logs WHERE seq > ? AND seq <= ? GROUP BY ip, context
      ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash`
    this.#updateHeads = store.prepare(`INSERT INTO chain_heads ${lastOfPayers}`)
    this.#updateAnchors = store.prepare(`INSERT INTO chain_anchors ${lastOfPayers}`)
    this.#oldest = store.prepare('SELECT seq, started_at FROM request_logs ORDER BY seq LIMIT ?')
    this.#deleteRows = store.prepare('DELETE FROM request_logs WHERE seq <= ?')
    this.#clearedDays = new ClearedDays(store)
    this.#newRows = this.lastSeq() - this.upTo()
    if (this.#newRows < 0) throw rowsAreMissing(this.lastSeq(), this.upTo())
  }

  /** Every row up to this one is in `usage_days`. */
  upTo(): number {
    return this.#markOf('rolled_up')
  }

  /** The number of the newest row. */
  lastSeq(): number {
    const row = this.#lastSeq.get()
    return row === undefined ? 0 : count(row, 'seq')
  }

  /** The first day, counted from 1970-01-01, that still has all its rows; of earlier days only the totals may be left. */
  firstWholeDay(): number {
    return this.#markOf('cleared_day')
  }

  /** To be called for each new row; now and then it starts adding them up. */
  rowAdded(): void {
    if (++this.#newRows < SLICE || this.#running !== undefined) return
    // Started only after `#running` is set, because its own writes may add further rows at once.
    this.#running = Promise.resolve()
      .then(() => this.run())
      // If the disk is full, the next row tries again.
      .catch(() => undefined)
      .finally(() => (this.#running = undefined))
  }

  /** Adds up all new rows, in slices; does nothing when there are none. */
  async run(): Promise<void> {
    if (this.#newRows === 0) return
    for (let isMore = true; isMore;) isMore = await this.#store.write(() => this.#slice())
    this.#newRows = this.lastSeq() - this.upTo()
  }

  /** Runs inside a write of the store; true when there is more. */
  #slice(): boolean {
    const from = this.upTo()
    const last = this.lastSeq()
    const to = Math.min(from + SLICE, last)
    if (to > from) {
      this.#addDays.run(from, to)
      this.#updateHeads.run(from, to)
      this.#setMark.run(to, 'rolled_up')
    }
    return to < last
  }

  /**
   * Deletes the oldest rows, up to the first that started on that day or later. Their totals and the ends of their chains
   * stay.
   */
  async clear(beforeDay: number): Promise<number> {
    await this.run()
    await this.#store.write(() => this.#setMark.run(Math.max(beforeDay, this.firstWholeDay()), 'cleared_day'))
    let cleared = 0
    for (;;) {
      const count = await this.#store.write(() => this.#clearSlice(beforeDay * DAY_S))
      if (count === 0) return cleared
      cleared += count
    }
  }

  #clearSlice(before: number): number {
    // The newest row stays, whatever its age, so that its number is never assigned again.
    const maxSeq = Math.min(this.upTo(), this.lastSeq() - 1)
    const rows = this.#oldest
      .all(SLICE)
      .map((row) => ({ seq: count(row, 'seq'), at: count(row, 'started_at') }))
    const firstKept = rows.findIndex(({ seq, at }) => at >= before || seq > maxSeq)
    const old = firstKept === -1 ? rows : rows.slice(0, firstKept)
    const end = old.at(-1)?.seq
    if (end === undefined) return 0
    this.#updateAnchors.run(0, end)
    this.#clearedDays.add(end)
    this.#deleteRows.run(end)
    this.#setMark.run(end, 'cleared')
    return old.length
  }

  #markOf(name: string): number {
    const row = this.#mark.get(name)
    if (row === undefined) throw new Error(`the table ledger_marks lacks “${name}”`)
    return count(row, 'value')
  }
}

/** New rows would get numbers that were added up already, and never be counted. */
function rowsAreMissing(lastSeq: number, rolledUp: number): Error {
  return new Error(
    `rows ${lastSeq + 1} to ${rolledUp} of the ledger were added up and are missing now: its end was cut off`,
  )
}
