import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import type { SettingsStore } from '../../store/settings/settings-store.ts'
import { sqliteSettings } from '../../store/settings/sqlite-settings.ts'
import type { Store } from '../../store/store.ts'

/** The settings store, and what an operator should know of it. */
export interface OpenSettings {
  readonly store: SettingsStore
  /** Set while the settings are kept elsewhere than before, and were not imported there. */
  readonly notice: () => string | undefined
  /** The settings were imported: this is their place from now on. */
  readonly accept: () => void
}

const FILE = 'settings.location'

/** Opens the configured store. Throws `cannot-start` when it can't be reached; a store is never replaced by another one. */
export async function openSettings(
  { settings: location, dataDir }: Pick<Config, 'settings' | 'dataDir'>,
  database: Store,
): Promise<OpenSettings> {
  const store = await open(location, database)
  const path = join(dataDir, FILE)
  const here = location.kind === 'sqlite' ? 'sqlite' : store.location
  let before = read(path)
  const accept = (): void => {
    writeFileSync(path, `${here}\n`, { mode: 0o600 })
    before = here
  }
  if (before === undefined) accept()
  return {
    store,
    accept,
    notice: () =>
      before === here
        ? undefined
        : `mothers and priorities were kept in ${before}, and are kept in ${here} now: bring them there with “hero_aibroker settings export” and “import”`,
  }
}

async function open(location: Config['settings'], database: Store): Promise<SettingsStore> {
  if (location.kind === 'sqlite') return sqliteSettings(database)
  // Loaded only where it is configured.
  const { openRedisSettings } = await import('../../store/settings/redis-settings.ts')
  if (location.kind === 'redis') return openRedisSettings(location.address)
  const { heroDbAddress } = await import('../../store/settings/hero-db.ts')
  return openRedisSettings(await heroDbAddress(location.socket))
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
