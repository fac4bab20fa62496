import type { SettingsStore } from './settings-store.ts'

/** Priorities that an administrator sets for whole providers. They replace the priorities of the models file. */
export interface ProviderPriorities {
  /** By provider; the lowest is tried first. A new map after each change. */
  all(): ReadonlyMap<string, number>
  /** Sets a priority, or clears it with `undefined`. Resolves once the change is durable; rejects as the settings store does. */
  set(provider: string, priority: number | undefined): Promise<void>
}

export async function createProviderPriorities(settings: SettingsStore): Promise<ProviderPriorities> {
  let current = await settings.priorities()
  return {
    all: () => current,
    async set(provider, priority) {
      await settings.setPriority(provider, priority)
      current = await settings.priorities()
    },
  }
}
