import type { Config, EffectiveSetting, Flags } from './config-type.ts'
import type { Environment } from './settings.ts'
import { TIMEOUT_VARIABLES } from './timeouts.ts'

export interface SettingSources {
  readonly env: Environment
  readonly secretsFile: Environment
  readonly flags: Flags
}

type Row = readonly [
  name: string,
  value: (config: Omit<Config, 'effective'>) => EffectiveSetting['value'],
  ...variables: [string, ...string[]],
]

const FOLDERS = ['PATH_VAR', 'PATH_ROOT'] as const

const ROWS: readonly Row[] = [
  ['socket_dir', (c) => c.socketDir, 'PATH_SOCKETS', 'PATH_SOCKET', 'HERO_SOCKET_DIR', ...FOLDERS],
  ['data_dir', (c) => c.dataDir, 'AIBROKER_DATA_DIR', ...FOLDERS],
  ['models_config_path', (c) => c.modelsConfigPath, 'MODELS_CONFIG_PATH'],
  ['mcp_config_path', (c) => c.mcpConfigPath, 'MCP_CONFIG_PATH'],
  ['hero_db_socket', (c) => c.heroDbSocket, 'HERO_AIBROKER_DB_SOCKET'],
  ['routing_strategy', (c) => c.routingStrategy, 'ROUTING_STRATEGY'],
  ['address', (c) => c.listen?.address, '--address'],
  ['port', (c) => c.listen?.port, '--port'],
  ['mother', (c) => c.isMother, '--mother'],
  ['workers', (c) => c.workers, '--workers', 'AIBROKER_WORKERS'],
  ['detect_local_servers', (c) => c.detectsLocalServers, 'AIBROKER_DETECT'],
  ['refresh_catalogue', (c) => c.refreshesModelLists, 'AIBROKER_CATALOG'],
  ['http_client', (c) => c.httpClient, 'AIBROKER_HTTP_CLIENT'],
  ['most_open_requests', (c) => c.maxOpenRequests, 'AIBROKER_MAX_OPEN_REQUESTS'],
  ['probe_every_ms', (c) => c.probeEveryMs, 'AIBROKER_PROBE_S'],
  ['hedge_percent', (c) => c.hedgePercent, 'AIBROKER_HEDGE_PERCENT'],
  ['keep_answers_ms', (c) => c.keepResponsesMs, 'AIBROKER_IDEMPOTENCY_HOURS'],
  ['body_limit_bytes', (c) => c.bodyLimitBytes, 'AIBROKER_BODY_LIMIT_MB'],
  ['upload_limit_bytes', (c) => c.uploadLimitBytes, 'AIBROKER_UPLOAD_LIMIT_MB'],
  ['spool_limit_bytes', (c) => c.spoolLimitBytes, 'AIBROKER_SPOOL_MB'],
  ['drain_timeout_ms', (c) => c.drainTimeoutMs, 'AIBROKER_DRAIN_TIMEOUT_S'],
  ['trusted_proxies', (c) => listed(c.proxies), 'AIBROKER_TRUSTED_PROXIES'],
  ['hosts', (c) => listed(c.hosts), 'AIBROKER_HOSTS'],
  ['roll_up_64', (c) => c.rollsUp, 'AIBROKER_ROLL_UP_64'],
  ['context_sockets', (c) => listed(c.contextSockets), 'AIBROKER_CONTEXT_SOCKETS'],
  ['open_tcp', (c) => c.allowsOpenTcp, '--open-tcp'],
  ['keep_days', (c) => c.keepDays, 'AIBROKER_KEEP_DAYS'],
  ['durability', (c) => (c.durability === 'full' ? 'full' : 'soon'), 'AIBROKER_DURABILITY'],
  ['hang_up', (c) => c.hangUp.policy, 'AIBROKER_HANGUP'],
  [
    'hang_up_drain_ms',
    (c) => (c.hangUp.policy === 'drain' ? c.hangUp.forMs : undefined),
    'AIBROKER_HANGUP_DRAIN_S',
  ],
  ['log_level', (c) => c.logLevel, 'AIBROKER_LOG_LEVEL'],
  ['referer', (c) => c.attribution.referer, 'OPENROUTER_HTTP_REFERER'],
  ['title', (c) => c.attribution.title, 'OPENROUTER_X_TITLE'],
  ['admin_token', (c) => hidden(c.adminToken), 'ADMIN_TOKEN'],
  ['hero_secret', (c) => hidden(c.heroSecret), 'HERO_SECRET'],
  ...Object.entries(TIMEOUT_VARIABLES).map(([limit, variable]): Row => [
    `timeout_${limit.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_ms`,
    (c) => c.timeouts[limit as keyof Config['timeouts']],
    variable,
  ]),
]

/** All settings and their sources, except the keys of providers. */
export function effectiveSettings(
  config: Omit<Config, 'effective'>,
  sources: SettingSources,
): readonly EffectiveSetting[] {
  const rows = ROWS.map(([name, value, ...variables]) => ({
    name,
    value: value(config),
    ...sourceOf(variables, sources),
  }))
  return Object.freeze([...rows, ...addresses(sources.env)])
}

function sourceOf(
  variables: readonly [string, ...string[]],
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

const FLAGS: Readonly<Record<string, keyof Flags>> = {
  '--address': 'address',
  '--port': 'port',
  '--mother': 'mother',
  '--open-tcp': 'openTcp',
  '--workers': 'workers',
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

function listed(values: Iterable<string>): string | undefined {
  const text = [...values].join(', ')
  return text === '' ? undefined : text
}

function hidden(secret: object | undefined): string | undefined {
  return secret === undefined ? undefined : '***'
}
