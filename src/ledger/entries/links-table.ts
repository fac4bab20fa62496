import type { Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import type { CascadeLink } from '../types.ts'
import type { Money } from '../../base/money.ts'
import { maybeAmount, maybeText, text } from './row-readers.ts'

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
  readonly #resolve: Statement
  readonly #unresolved: Statement
  readonly #upward: Statement

  constructor(store: Store) {
    this.#insert = store.prepare(`
      INSERT OR REPLACE INTO cascade_links (id, child_request, path, child_context, child_caller, lease, mothers)
      VALUES (?, ?, ?, ?, ?, ?, ?)`)
    // “.” is followed by “/”, so that these are the request itself and its numbered attempts.
    this.#byChild = store.prepare(`
      SELECT * FROM cascade_links
      WHERE child_request = ?1 OR (child_request > ?1 || '.' AND child_request < ?1 || '/') ORDER BY id LIMIT 64`)
    this.#resolve = store.prepare(
      'UPDATE cascade_links SET resolved = ?, list_nano = ifnull(?, list_nano) WHERE id = ?',
    )
    this.#unresolved = store.prepare(`
      SELECT l.id FROM cascade_links l JOIN request_logs r ON r.id = l.id
      WHERE l.mothers IS NOT NULL AND l.resolved = 0 AND r.started_at >= ? ORDER BY l.id DESC LIMIT ?`)
    this.#upward = store.prepare(`
      SELECT l.id, l.list_nano FROM request_logs r JOIN cascade_links l ON l.id = r.id
      WHERE l.mothers IS NOT NULL AND r.started_at >= ? AND r.started_at < ? ORDER BY r.started_at DESC LIMIT ?`)
    this.#find = store.prepare('SELECT * FROM cascade_links WHERE id = ?')
    this.#clear = store.prepare(`
      DELETE FROM cascade_links WHERE id NOT IN (SELECT id FROM request_logs) AND id NOT IN (SELECT id FROM holds)`)
  }

  /** Runs inside a write of the store. */
  insert(id: string, { childRequest, path, childContext, childCaller, lease, mothers }: CascadeLink): void {
    this.#insert.run(
      id,
      childRequest ?? null,
      path?.join(',') ?? null,
      childContext ?? null,
      childCaller ?? null,
      lease ?? null,
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

  /** Notes what is known of a request that has an entry now. Runs inside a write of the store. */
  resolve(
    id: string,
    { isExact, listCost }: { readonly isExact: boolean; readonly listCost?: Money | undefined },
  ): void {
    this.#resolve.run(isExact ? 1 : 0, listCost ?? null, id)
  }

  /** Requests of `since` (Unix seconds) or later that mothers may charge for, and what they charge is not known exactly. */
  unresolved(since: number, limit: number): readonly string[] {
    return this.#unresolved.all(since, limit).map((row) => text(row, 'id'))
  }

  /** Requests that went to mothers alone, newest first. */
  upward(
    since: number,
    until: number,
    limit: number,
  ): readonly { id: string; listCost: Money | undefined }[] {
    return this.#upward
      .all(since, until, limit)
      .map((row) => ({ id: text(row, 'id'), listCost: maybeAmount(row, 'list_nano') }))
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
    lease: maybeText(row, 'lease'),
    mothers: maybeText(row, 'mothers')?.split(','),
  }
}
