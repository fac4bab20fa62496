import type { Config, EffectiveSetting, Flags } from './config-type.ts'
import { FLAGS, SETTINGS, type SettingRow } from './setting-table.ts'
import type { Environment } from './settings.ts'

export interface SettingSources {
  readonly env: Environment
  readonly secretsFile: Environment
  readonly flags: Flags
}

/** All settings and their sources, except the keys of providers. */
export function effectiveSettings(
  config: Omit<Config, 'effective'>,
  sources: SettingSources,
): readonly EffectiveSetting[] {
  const rows = SETTINGS.map(({ name, value, variables }) => ({
    name,
    value: value(config),
    ...sourceOf(variables, sources),
  }))
  return Object.freeze([...rows, ...addresses(sources.env)])
}

function sourceOf(
  variables: SettingRow['variables'],
  { env, secretsFile, flags }: SettingSources,
): Pick<EffectiveSetting, 'source' | 'variable'> {
  for (const variable of variables) {
    if (variable.startsWith('--')) {
      const flag = flags[FLAGS[variable] ?? 'mother']
      if (flag !== undefined && flag !== false) return { source: 'flag', variable }
    } else if (isSet(env[variable])) return { source: 'environment', variable }
    else if (SECRETS.has(variable) && isSet(secretsFile[variable]))
      return { source: 'secrets-file', variable }
  }
  return { source: 'default', variable: variables[0] }
}

/** Variables that may be in the secrets file, besides keys. */
const SECRETS: ReadonlySet<string> = new Set(['ADMIN_TOKEN', 'HERO_SECRET'])

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
