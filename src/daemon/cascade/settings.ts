import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import type { SettingsStore } from '../../store/settings/settings-store.ts'
import { openSettingsStore } from '../../store/settings/open-settings-store.ts'
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
  const store = await openSettingsStore(location, database)
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

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
