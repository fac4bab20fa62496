import type { Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import type { HoldRequest } from '../types.ts'

/**
 * `request_groups`: which rows belong together, from the hold on; only rows that are part of a group are in it. The row
 * says so itself as soon as it is there, under its hash.
 */
export class GroupsTable {
  readonly #insert: Statement

  constructor(store: Store) {
    this.#insert = store.prepare('INSERT INTO request_groups (id, group_id) VALUES (?, ?)')
  }

  /** Runs inside the write of the hold, so that a crash can't part a row from its group. */
  insert({ id, group }: HoldRequest): void {
    if (group !== undefined) this.#insert.run(id, group)
  }
}
