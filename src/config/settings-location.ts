import { redactUrl } from '../base/text.ts'
import type { SettingsLocation } from '../store/settings/open-settings-store.ts'
import type { RedisAddress } from '../store/settings/redis-settings.ts'
import type { Settings } from './settings.ts'

const NAME = 'AIBROKER_SETTINGS'
const FORMS =
  '“sqlite”, redis://host:port/N, rediss://host:port/N or unix:///path/of/resp.sock?db=N, each with ?prefix= where it matters'
const DEFAULT_PREFIX = 'aibroker_config:'

/** `AIBROKER_SETTINGS` decides; without it a `HERO_AIBROKER_DB_SOCKET` that is set names hero_db; else SQLite. */
export function settingsLocation(settings: Settings, heroDbSocket: string): SettingsLocation {
  const text = settings.text(NAME)
  if (text === undefined)
    return settings.text('HERO_AIBROKER_DB_SOCKET') === undefined
      ? SQLITE
      : { kind: 'hero_db', socket: heroDbSocket }
  if (text === 'sqlite') return SQLITE
  const address = redisAddress(text)
  if (address !== undefined) return { kind: 'redis', address }
  settings.addError(NAME, `is “${redactUrl(text)}”, should be ${FORMS}`)
  return SQLITE
}

const SQLITE: SettingsLocation = { kind: 'sqlite' }

function redisAddress(text: string): RedisAddress | undefined {
  const url = URL.parse(text)
  if (url === null) return undefined
  const prefix = url.searchParams.get('prefix') ?? DEFAULT_PREFIX
  if (url.protocol === 'unix:') {
    const database = Number(url.searchParams.get('db') ?? 0)
    if (url.pathname === '' || url.host !== '' || !isDatabase(database)) return undefined
    const socketPath = decodeURIComponent(url.pathname)
    return { socketPath, database, prefix, location: `${socketPath}, database ${database}` }
  }
  if (!['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') return undefined
  const database = Number(url.pathname.slice(1) || 0)
  if (!isDatabase(database)) return undefined
  url.search = ''
  const location = `${url.protocol}//${url.host}, database ${database}`
  return { url: url.href, database, prefix, location }
}

function isDatabase(number: number): boolean {
  return Number.isInteger(number) && number >= 0
}
