import { BrokerError } from '../base/errors.ts'
import type { Statement } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { count, maybeAmount, maybeText, text } from './columns.ts'
import type { Hold, HoldRequest } from './ledger-types.ts'

/** The table of what is set aside. Everything here but `all` runs inside a write of the store. */
export class HoldsTable {
  readonly #insert: Statement
  readonly #delete: Statement
  readonly #all: Statement

  constructor(store: Store) {
    this.#insert = store.prepare(`
      INSERT INTO holds (id, ip, context, kind, model, streamed, most_nano, started_at_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#delete = store.prepare('DELETE FROM holds WHERE rowid = ? AND id = ?')
    this.#all = store.prepare('SELECT rowid, * FROM holds ORDER BY rowid')
  }

  /** Returns its rowid. */
  insert({ id, caller, kind, modelAsked, streamed, most, startedAt }: HoldRequest): number {
    const { ip, context } = caller
    const flag = streamed ? 1 : 0
    const done = this.#insert.run(id, ip, context ?? null, kind, modelAsked, flag, most ?? null, startedAt)
    return Number(done.lastInsertRowid)
  }

  delete(hold: Hold): void {
    const { changes } = this.#delete.run(hold.rowid, hold.id)
    if (Number(changes) !== 1) throw new BrokerError('internal', `the store has no hold ${hold.id} to settle`)
  }

  all(): Hold[] {
    return this.#all.all().map((row) => ({
      rowid: count(row, 'rowid'),
      id: text(row, 'id'),
      caller: { ip: text(row, 'ip'), context: maybeText(row, 'context') },
      kind: text(row, 'kind'),
      modelAsked: text(row, 'model'),
      streamed: count(row, 'streamed') === 1,
      most: maybeAmount(row, 'most_nano'),
      startedAt: count(row, 'started_at_ms'),
    }))
  }
}
