import type { Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import type { CascadeLink } from '../types.ts'
import { maybeText, text } from './row-readers.ts'

/** A request of this broker, and the link that it was held with. */
export interface LinkedRequest extends CascadeLink {
  readonly id: string
}

/**
 * `cascade_links`: the place of requests in a cascade. A link is written together with the hold, so that a crash cannot part
 * them. Only requests from or to other brokers have one.
 */
export class LinksTable {
  readonly #insert: Statement
  readonly #byChild: Statement
  readonly #find: Statement
  readonly #clear: Statement

  constructor(store: Store) {
    this.#insert = store.prepare(`
      INSERT OR REPLACE INTO cascade_links (id, child_request, path, child_context, child_caller, mothers)
      VALUES (?, ?, ?, ?, ?, ?)`)
    // “.” is followed by “/”, so that these are the request itself and its numbered attempts.
    this.#byChild = store.prepare(`
      SELECT * FROM cascade_links
      WHERE child_request = ?1 OR (child_request > ?1 || '.' AND child_request < ?1 || '/') ORDER BY id LIMIT 64`)
    this.#find = store.prepare('SELECT * FROM cascade_links WHERE id = ?')
    this.#clear = store.prepare(`
      DELETE FROM cascade_links WHERE id NOT IN (SELECT id FROM request_logs) AND id NOT IN (SELECT id FROM holds)`)
  }

  /** Runs inside a write of the store. */
  insert(id: string, { childRequest, path, childContext, childCaller, mothers }: CascadeLink): void {
    this.#insert.run(
      id,
      childRequest ?? null,
      path?.join(',') ?? null,
      childContext ?? null,
      childCaller ?? null,
      mothers?.join(',') ?? null,
    )
  }

  /** Requests by the id that a child gave them, or by that of one of their attempts. */
  ofChild(request: string): readonly LinkedRequest[] {
    return this.#byChild.all(request).map((row) => linkFrom(row))
  }

  find(id: string): LinkedRequest | undefined {
    const row = this.#find.get(id)
    return row === undefined ? undefined : linkFrom(row)
  }

  /** Deletes the links of rows that are gone. Runs inside a write of the store. */
  clear(): void {
    this.#clear.run()
  }
}

function linkFrom(row: Parameters<typeof text>[0]): LinkedRequest {
  return {
    id: text(row, 'id'),
    childRequest: maybeText(row, 'child_request'),
    path: maybeText(row, 'path')?.split(','),
    childContext: maybeText(row, 'child_context'),
    childCaller: maybeText(row, 'child_caller'),
    mothers: maybeText(row, 'mothers')?.split(','),
  }
}
