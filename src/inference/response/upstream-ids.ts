import type { Clock } from '../../base/clock.ts'
import type { Store } from '../../store/store.ts'

/**
 * Maps upstream ids to our own. A response that passes through verbatim carries the id of the router that gave it, and the
 * caller knows it by that id; the ledger knows it by the generation id.
 */
export interface UpstreamIds {
  add(upstreamId: string, requestId: string): void
  /** The generation id for an upstream id; any other id is returned as it is. */
  resolve(id: string): string
}

/** Old ids are deleted each time so many new ones have been added. */
const CLEAR_EVERY = 1000
const DAY_S = 86_400

/** Ids are kept for `keepDays`, as long as the ledger keeps single rows. */
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
  /** Added, and not yet in the database. */
  const unwritten = new Map<string, string>()
  let added = 0

  return {
    add(upstreamId, requestId) {
      const now = Math.floor(clock.now() / 1000)
      const isTimeToClear = added++ % CLEAR_EVERY === 0
      unwritten.set(upstreamId, requestId)
      store
        .writeWithRetry(() => {
          insert.run(upstreamId, requestId, now)
          if (isTimeToClear) clear.run(now - keepDays * DAY_S)
        })
        // The id is lost when the broker stops with a full disk; the id in `X-Generation-Id` still finds the response.
        .catch(() => undefined)
        .finally(() => unwritten.delete(upstreamId))
    },
    resolve(id) {
      const row = unwritten.has(id) ? undefined : find.get(id)
      return unwritten.get(id) ?? (row === undefined ? id : String(row['request_id']))
    },
  }
}
