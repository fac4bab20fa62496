import type { Config, EffectiveSetting, Flags } from './config-type.ts'
import { originOf, SECRET_VARIABLES, type SecretSource } from './secrets/secret-sources.ts'
import { FLAGS, SETTINGS, type SettingRow } from './setting-table.ts'
import type { Environment } from './settings.ts'

export interface SettingSources {
  readonly env: Environment
  readonly secrets: readonly SecretSource[]
  readonly flags: Flags
}

/** All settings and their sources; of keys and other secrets the source alone. */
export function effectiveSettings(
  config: Omit<Config, 'effective'>,
  sources: SettingSources,
): readonly EffectiveSetting[] {
  const rows = SETTINGS.map(({ name, value, variables }) => ({
    name,
    value: value(config),
    ...sourceOf(variables, sources),
  }))
  return Object.freeze([...rows, ...keys(sources.secrets), ...addresses(sources.env)])
}

function sourceOf(
  variables: SettingRow['variables'],
  { env, secrets, flags }: SettingSources,
): Pick<EffectiveSetting, 'source' | 'variable'> {
  for (const variable of variables) {
    if (variable.startsWith('--')) {
      const flag = flags[FLAGS[variable] ?? 'mother']
      if (flag !== undefined && flag !== false) return { source: 'flag', variable }
    } else if (isSet(env[variable])) return { source: 'environment', variable }
    const origin = SECRET_VARIABLES.includes(variable) ? originOf(secrets, variable) : undefined
    if (origin !== undefined) return origin
  }
  return { source: 'default', variable: variables[0] }
}

/** The variables with keys of providers that any source has, and the source that counts. */
function keys(sources: readonly SecretSource[]): readonly EffectiveSetting[] {
  const names = new Set(sources.flatMap(({ values }) => Object.keys(values)).filter((name) => KEY.test(name)))
  return [...names].flatMap((name) => {
    const origin = originOf(sources, name)
    return origin === undefined ? [] : [{ name: name.toLowerCase(), value: HIDDEN, ...origin }]
  })
}

const KEY = /_API_KEYS?$/
const HIDDEN = '***'

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== ''
}

/** Base URLs that replace those of providers. Parts that may contain a key are replaced by `***`. */
function addresses(env: Environment): readonly EffectiveSetting[] {
  return Object.entries(env).flatMap(([variable, url]) => {
    const name = /^AIBROKER_([A-Z0-9_]+)_URL$/.exec(variable)?.[1]
    if (name === undefined || url === undefined || !isSet(url)) return []
    const value = url
      .trim()
      .replace(/\/\/[^/]*@/, '//***@')
      .replace(/\?.*$/, '?***')
    return [{ name: `url_${name.toLowerCase()}`, value, source: 'environment', variable } as const]
  })
}
