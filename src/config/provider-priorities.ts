import type { Store } from '../store/store.ts'

/** Priorities that an administrator sets for whole providers. They replace the priorities of the models file. */
export interface ProviderPriorities {
  /** By provider; the lowest is tried first. A new map after each change. */
  all(): ReadonlyMap<string, number>
  /** Sets a priority, or clears it with `undefined`. Resolves once the change is durable; rejects with `store-full`. */
  set(provider: string, priority: number | undefined): Promise<void>
}

export function createProviderPriorities(store: Store): ProviderPriorities {
  const select = store.prepare('SELECT provider, priority FROM provider_priority ORDER BY provider')
  const put = store.prepare('INSERT OR REPLACE INTO provider_priority (provider, priority) VALUES (?, ?)')
  const remove = store.prepare('DELETE FROM provider_priority WHERE provider = ?')
  const read = (): ReadonlyMap<string, number> =>
    new Map(select.all().map(({ provider, priority }) => [String(provider), Number(priority)]))
  let current = read()
  return {
    all: () => current,
    async set(provider, priority) {
      await store.write(() => (priority === undefined ? remove.run(provider) : put.run(provider, priority)))
      current = read()
    },
  }
}
