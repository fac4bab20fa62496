import type { Store } from '../store.ts'
import type { RedisAddress } from './redis-settings.ts'
import type { SettingsStore } from './settings-store.ts'
import { sqliteSettings } from './sqlite-settings.ts'

/** Where mothers and priorities are kept. */
export type SettingsLocation =
  | { readonly kind: 'sqlite' }
  | { readonly kind: 'redis'; readonly address: RedisAddress }
  /** By the path of a management socket. */
  | { readonly kind: 'hero_db'; readonly socket: string }

/** Opens the settings at that place; `database` is the broker's own. Throws `cannot-start` when the place can't be reached. */
export async function openSettingsStore(location: SettingsLocation, database: Store): Promise<SettingsStore> {
  if (location.kind === 'sqlite') return sqliteSettings(database)
  // Loaded only where it is configured.
  const { openRedisSettings } = await import('./redis-settings.ts')
  if (location.kind === 'redis') return openRedisSettings(location.address)
  const { heroDbAddress } = await import('./hero-db.ts')
  return openRedisSettings(await heroDbAddress(location.socket))
}
