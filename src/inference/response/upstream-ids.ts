import type { Clock } from '../../base/clock.ts'
import type { Store } from '../../store/store.ts'

/**
 * The ids under which callers know answers that pass through verbatim. They carry the id of the router that gave them;
 * the ledger knows them by ours.
 */
export interface UpstreamIds {
  note(theirs: string, ours: string): void
  /** Our id for one of theirs; any other id is given back. */
  ours(id: string): string
}

/** Old ids are cleared away after so many new ones. */
const CLEAR_EVERY = 1000
const DAY_S = 86_400

/** Kept as long as the ledger keeps single rows. */
export function createUpstreamIds({
  store,
  clock,
  keepDays,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly keepDays: number
}): UpstreamIds {
  const insert = store.prepare(
    'INSERT OR REPLACE INTO upstream_ids (id, request_id, noted_at) VALUES (?, ?, ?)',
  )
  const find = store.prepare('SELECT request_id FROM upstream_ids WHERE id = ?')
  const clear = store.prepare('DELETE FROM upstream_ids WHERE noted_at < ?')
  /** Noted, and not yet written. */
  const fresh = new Map<string, string>()
  let notes = 0

  return {
    note(theirs, ours) {
      const now = Math.floor(clock.now() / 1000)
      const isTimeToClear = notes++ % CLEAR_EVERY === 0
      fresh.set(theirs, ours)
      store
        .writeEventually(() => {
          insert.run(theirs, ours, now)
          if (isTimeToClear) clear.run(now - keepDays * DAY_S)
        })
        // At the end with a full disk it is lost; the answer is still found by the id in `X-Generation-Id`.
        .catch(() => undefined)
        .finally(() => fresh.delete(theirs))
    },
    ours(id) {
      const row = fresh.has(id) ? undefined : find.get(id)
      return fresh.get(id) ?? (row === undefined ? id : String(row['request_id']))
    },
  }
}
