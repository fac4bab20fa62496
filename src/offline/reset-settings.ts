import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { findPaths } from '../config/paths.ts'
import { settingsLocation } from '../config/settings-location.ts'
import { createSettings, type Environment } from '../config/settings.ts'
import { openSettingsStore } from '../store/settings/open-settings-store.ts'
import type { SettingsStore } from '../store/settings/settings-store.ts'
import { openStore } from '../store/store.ts'

/** What an administrator has set at run time, and the tokens of callers. */
export interface RunTimeSettings {
  /** Where mothers and priorities are kept, for people. */
  readonly location: string
  /** Ids of the registered mothers. */
  readonly mothers: readonly string[]
  /** Names of the providers whose priority is overridden. */
  readonly priorities: readonly string[]
  /** Path of the database of API tokens; `undefined` when there is none. */
  readonly tokens: string | undefined
}

const SIDE_FILES = ['', '-wal', '-shm', '-lock']

/** What `resetSettings` would remove for the broker of this environment. Throws `cannot-start` while a broker uses its database. */
export function settingsToReset(environment: Environment): Promise<RunTimeSettings> {
  return withSettings(environment, async (store, dataDir) => {
    const tokens = join(dataDir, 'apikeys.db')
    return {
      location: store.location,
      mothers: [...(await store.mothers()).keys()],
      priorities: [...(await store.priorities()).keys()],
      tokens: existsSync(tokens) ? tokens : undefined,
    }
  })
}

/** Removes mothers, overridden priorities and API tokens, and nothing else. Throws as `settingsToReset`. */
export function resetSettings(environment: Environment): Promise<void> {
  return withSettings(environment, async (store, dataDir) => {
    for (const id of (await store.mothers()).keys()) await store.removeMother(id)
    for (const provider of (await store.priorities()).keys()) await store.setPriority(provider, undefined)
    for (const end of SIDE_FILES) rmSync(join(dataDir, `apikeys.db${end}`), { force: true })
  })
}

async function withSettings<T>(
  environment: Environment,
  work: (store: SettingsStore, dataDir: string) => Promise<T>,
): Promise<T> {
  const settings = createSettings(environment)
  const { dataDir, heroDbSocket } = findPaths(settings, process.cwd())
  const location = settingsLocation(settings, heroDbSocket)
  settings.throwIfInvalid()
  const path = join(dataDir, 'requests.db')
  const database = openStore({ path, clock: systemClock, durability: 'full' })
  try {
    const store = await openSettingsStore(location, database)
    try {
      return await work(store, dataDir)
    } finally {
      await store.close()
    }
  } finally {
    await database.close()
  }
}
