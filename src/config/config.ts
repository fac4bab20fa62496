import { isIP } from 'node:net'
import { join } from 'node:path'

import type { Secret } from '../base/secret.ts'
import { baseUrls, variableName } from './base-urls.ts'
import { effectiveSettings, type EffectiveSetting } from './effective-settings.ts'
import { readEnvFile } from './env-file.ts'
import { findKeys, findSecret, keyVariables } from './keys.ts'
import { findPaths } from './paths.ts'
import { createSettings } from './settings.ts'
import type { Environment, Settings } from './settings.ts'
import { timeLimits, type TimeLimitSettings } from './time-limits.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const HTTP_CLIENTS = ['lean', 'undici'] as const

/** Everything that the program was told from outside, read once and frozen. */
export interface Config {
  /** Folder of all services' sockets; ours are in `hero_aibroker/` inside. */
  readonly socketDir: string
  /** Folder of the database and of everything else that outlives a restart. */
  readonly dataDir: string
  readonly modelsConfigPath: string
  /** MCP servers to connect to, when somebody named a file. */
  readonly mcpConfigPath: string | undefined
  /** Where hero_db listens, should it be there. */
  readonly heroDbSocket: string
  readonly routingStrategy: 'cheapest' | 'best'
  /** The TCP door, closed unless asked for. */
  readonly listen: { readonly address: string; readonly port: number } | undefined
  readonly isMother: boolean
  /** Whether the usual ports of local model servers are asked at the start. */
  readonly detectsLocalServers: boolean
  /** Whether providers are asked for their model lists at the start and every hour; on demand they are in any case. */
  readonly refreshesCatalogue: boolean
  /** TCP peers whose `X-Forwarded-For` and `X-Hero-Context` are believed. */
  readonly proxies: ReadonlySet<string>
  /** One payer per /64 of IPv6. */
  readonly rollsUp: boolean
  /** Contexts with a socket of their own, `rest.<context>.sock`. */
  readonly contextSockets: readonly string[]
  /** A TCP door that others can reach may open although nobody has to show anything. */
  readonly allowsOpenTcp: boolean
  /** Days after which single requests are cleared away; their totals stay. */
  readonly keepDays: number
  /** What becomes of an answer whose caller left, at a provider that goes on billing. */
  readonly hangUp: { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }
  readonly bodyLimitBytes: number
  /** More open requests than this are turned away at once. */
  readonly mostOpenRequests: number
  /** How long the answers to requests with an `Idempotency-Key` are kept. */
  readonly keepAnswersMs: number
  /** How long running requests may go on once we are told to stop. */
  readonly drainTimeoutMs: number
  /** Bounds on the silence of providers that were set here; what isn't is up to who asks them. */
  readonly timeLimits: TimeLimitSettings
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** What speaks HTTP to providers: our own client, or undici should ours fail somewhere. */
  readonly httpClient: (typeof HTTP_CLIENTS)[number]
  /** What OpenRouter is told about callers that don't introduce themselves. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
  readonly adminToken: Secret | undefined
  readonly heroSecret: Secret | undefined
  /**
   * Keys for `name` (`groq`, `serper`, …), in order and without doubles: from `GROQ_API_KEY` and `GROQ_API_KEYS`, or from the variable
   * `keyEnv` and its plural. Throws `bad-request` for a key that can't travel in a header.
   */
  keysOf(name: string, keyEnv?: string): readonly Secret[]
  /** What is in effect, for people to read; secrets show as `***`. */
  readonly effective: readonly EffectiveSetting[]
  /** Address to reach a provider under instead of its own, from `AIBROKER_<NAME>_URL`. */
  baseUrlOf(name: string): string | undefined
}

/** Flags of the command line, already split; a port may still be text. */
export interface Flags {
  readonly address?: string | undefined
  readonly port?: string | number | undefined
  readonly mother?: boolean | undefined
  readonly openTcp?: boolean | undefined
}

/**
 * Reads the configuration. Throws `bad-request` that names every variable or flag with a bad value, and what would be right.
 * Secrets may also stand in `.env` in the data folder; those of the environment come first.
 */
export function loadConfig(options: {
  readonly env: Environment
  readonly cwd: string
  readonly argv?: Flags | undefined
}): Config {
  const { env, cwd, argv = {} } = options
  const settings = createSettings(env)
  const paths = findPaths(settings, cwd)
  const secretsFile = readEnvFile(join(paths.dataDir, '.env'), settings)
  const secrets = [env, secretsFile]
  const urls = baseUrls(env, settings)
  const config: Omit<Config, 'effective'> = {
    ...paths,
    routingStrategy: settings.choice('ROUTING_STRATEGY', ['cheapest', 'best'], 'cheapest'),
    listen: listenAt(argv, settings),
    isMother: argv.mother === true,
    detectsLocalServers: settings.choice('AIBROKER_DETECT', ['on', 'off'], 'on') === 'on',
    refreshesCatalogue: settings.choice('AIBROKER_CATALOG', ['on', 'off'], 'on') === 'on',
    proxies: new Set(listOf(settings, 'AIBROKER_TRUSTED_PROXIES', PROXY)),
    rollsUp: settings.choice('AIBROKER_ROLL_UP_64', ['on', 'off'], 'off') === 'on',
    contextSockets: listOf(settings, 'AIBROKER_CONTEXT_SOCKETS', CONTEXT),
    allowsOpenTcp: argv.openTcp === true,
    keepDays: settings.whole('AIBROKER_KEEP_DAYS', 'days', 90),
    hangUp: hangUpOf(settings),
    bodyLimitBytes: settings.whole('AIBROKER_BODY_LIMIT_MB', 'megabytes', 64) * 1024 * 1024,
    mostOpenRequests: settings.whole('AIBROKER_MAX_OPEN_REQUESTS', 'requests', 4096),
    keepAnswersMs: settings.whole('AIBROKER_IDEMPOTENCY_HOURS', 'hours', 24) * 3_600_000,
    drainTimeoutMs: settings.whole('AIBROKER_DRAIN_TIMEOUT_S', 'seconds', 30) * 1000,
    timeLimits: timeLimits(settings),
    logLevel: settings.choice('AIBROKER_LOG_LEVEL', LOG_LEVELS, 'info'),
    httpClient: settings.choice('AIBROKER_HTTP_CLIENT', HTTP_CLIENTS, 'lean'),
    attribution: Object.freeze({
      referer: settings.text('OPENROUTER_HTTP_REFERER'),
      title: settings.text('OPENROUTER_X_TITLE'),
    }),
    adminToken: findSecret(secrets, 'ADMIN_TOKEN'),
    heroSecret: findSecret(secrets, 'HERO_SECRET'),
    keysOf: (name, keyEnv) => findKeys(secrets, keyVariables(name, keyEnv)),
    baseUrlOf: (name) => urls.get(variableName(name)),
  }
  settings.throwIfWrong()
  return Object.freeze({ ...config, effective: effectiveSettings(config, { env, secretsFile, flags: argv }) })
}

interface ListForm {
  readonly isGood: (item: string) => boolean
  readonly should: string
}

const PROXY: ListForm = { isGood: (item) => isIP(item) !== 0, should: 'IP addresses with commas between' }
const CONTEXT: ListForm = {
  isGood: (item) => /^[A-Za-z0-9._-]{1,64}$/.test(item),
  should: 'contexts with commas between, such as lab,shop',
}

function listOf(settings: Settings, name: string, { isGood, should }: ListForm): string[] {
  const items = (settings.text(name) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
  const bad = items.find((item) => !isGood(item))
  if (bad !== undefined) settings.complain(name, `has “${bad}” in it, should be ${should}`)
  return items
}

function hangUpOf(settings: Settings): Config['hangUp'] {
  const forMs = settings.whole('AIBROKER_HANGUP_DRAIN_S', 'seconds', 60) * 1000
  const policy = settings.choice('AIBROKER_HANGUP', ['drain', 'cut'], 'drain')
  return Object.freeze(policy === 'cut' ? { policy } : { policy, forMs })
}

/** Address and port come together or not at all. */
function listenAt({ address, port }: Flags, settings: Settings): Config['listen'] {
  if (address === undefined && port === undefined) return undefined
  if (address === undefined)
    return settings.complain('--port', 'needs --address with it, such as --address 127.0.0.1')
  if (port === undefined) return settings.complain('--address', 'needs --port with it, such as --port 33850')
  const host = address.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) === 0)
    settings.complain('--address', `is “${address}”, should be an IP address, such as 127.0.0.1 or ::`)
  const number = Number(port)
  if (String(port).trim() === '' || !Number.isInteger(number) || number < 0 || number > 65_535)
    settings.complain('--port', `is “${port}”, should be a number from 0 to 65535`)
  return Object.freeze({ address: host, port: number })
}
