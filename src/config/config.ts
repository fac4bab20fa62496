import { isIP } from 'node:net'
import { join, resolve } from 'node:path'

import { losesMost } from '../files/loses-most.ts'
import { baseUrls, variableName } from './network/base-urls.ts'
import { myceliumAddress } from './network/mycelium-address.ts'
import { HTTP_CLIENTS, LOG_LEVELS, type Config, type Flags } from './config-type.ts'
import { DEFAULT_SETTINGS } from './default-settings.ts'
import { effectiveSettings } from './effective-settings.ts'
import { findPaths } from './paths.ts'
import { findKeys, findSecret, keyVariables } from './secrets/keys.ts'
import { runKeysCommand, runKeysCommandNow } from './secrets/keys-command.ts'
import { readSecretSources, SECRET_VARIABLES, type SecretSource } from './secrets/secret-sources.ts'
import { createSettings } from './settings.ts'
import type { Environment, Settings } from './settings.ts'
import { readNetworkProxy } from './network/network-proxy.ts'
import { settingsLocation } from './settings-location.ts'
import { readTimeouts } from './timeouts.ts'

export type { Config, Flags } from './config-type.ts'

/**
 * Reads the configuration. Throws `bad-request` that names every variable or flag with a bad value, and a good one.
 * Secrets may also be in other sources than the environment: see `SECRET_ORIGINS`. A process that gets the output of the keys
 * command from another one passes it, and does not run the command.
 */
export function loadConfig(options: {
  readonly env: Environment
  readonly cwd: string
  readonly argv?: Flags | undefined
  readonly fromKeysCommand?: Environment | undefined
}): Config {
  const { env, cwd, argv = {} } = options
  const settings = createSettings(env)
  const paths = findPaths(settings, cwd)
  const envFile = join(paths.dataDir, '.env')
  const keysCommand = settings.text('AIBROKER_KEYS_COMMAND')
  let { fromKeysCommand: fromCommand } = options
  fromCommand ??= keysCommand === undefined ? {} : runKeysCommandNow(keysCommand, env)
  let sources = readSecretSources({ env, envFile, fromCommand }, settings)
  const secrets = valuesOf(sources)
  let keySources = secrets
  const urls = baseUrls(env, settings)
  const config: Omit<Config, 'effective'> = {
    ...paths,
    routingStrategy: settings.choice(
      'ROUTING_STRATEGY',
      ['cheapest', 'best'],
      DEFAULT_SETTINGS.routingStrategy,
    ),
    listen: listenAt(argv, settings, env['HOME']),
    settings: settingsLocation(settings, paths.heroDbSocket),
    tls: tlsOf(settings, cwd),
    isMother: argv.mother === true,
    myceliumIp: settings.text('HERO_MYCELIUM_IP'),
    maxHops: settings.wholeNumber('AIBROKER_MAX_HOPS', 'brokers', 4),
    cascadeRetries: settings.wholeNumber('AIBROKER_CASCADE_RETRIES', 'retries', 3),
    workers: workersOf(argv, settings),
    detectsLocalServers: settings.choice('AIBROKER_DETECT', ['on', 'off'], 'on') === 'on',
    refreshesModelLists: settings.choice('AIBROKER_CATALOG', ['on', 'off'], 'on') === 'on',
    proxies: new Set(listOf(settings, 'AIBROKER_TRUSTED_PROXIES', PROXY)),
    hosts: listOf(settings, 'AIBROKER_HOSTS', HOST),
    corsOrigins: new Set(listOf(settings, 'AIBROKER_CORS_ORIGINS', ORIGIN)),
    rollsUp: settings.choice('AIBROKER_ROLL_UP_64', ['on', 'off'], 'off') === 'on',
    contextSockets: listOf(settings, 'AIBROKER_CONTEXT_SOCKETS', CONTEXT),
    allowsOpenTcp: argv.openTcp === true,
    keepDays: settings.wholeNumber('AIBROKER_KEEP_DAYS', 'days', DEFAULT_SETTINGS.keepDays),
    durability:
      settings.choice('AIBROKER_DURABILITY', ['soon', 'full'], DEFAULT_SETTINGS.durability) === 'full'
        ? 'full'
        : 'power-safe-soon',
    hangUp: hangUpOf(settings),
    uploadLimitBytes:
      settings.wholeNumber('AIBROKER_UPLOAD_LIMIT_MB', 'megabytes', DEFAULT_SETTINGS.uploadLimitMb) *
      1024 *
      1024,
    spoolLimitBytes:
      settings.wholeNumber('AIBROKER_SPOOL_MB', 'megabytes', DEFAULT_SETTINGS.spoolMb) * 1024 * 1024,
    bodyLimitBytes:
      settings.wholeNumber('AIBROKER_BODY_LIMIT_MB', 'megabytes', DEFAULT_SETTINGS.bodyLimitMb) * 1024 * 1024,
    maxOpenRequests: settings.wholeNumber(
      'AIBROKER_MAX_OPEN_REQUESTS',
      'requests',
      DEFAULT_SETTINGS.maxOpenRequests,
    ),
    probeEveryMs: probeEveryMs(settings),
    hedgePercent: settings.wholeNumber('AIBROKER_HEDGE_PERCENT', 'percent', DEFAULT_SETTINGS.hedgePercent),
    keepResponsesMs:
      settings.wholeNumber('AIBROKER_IDEMPOTENCY_HOURS', 'hours', DEFAULT_SETTINGS.idempotencyHours) *
      3_600_000,
    keepNamedResponsesMs:
      settings.wholeNumber('AIBROKER_RESPONSES_HOURS', 'hours', DEFAULT_SETTINGS.responsesHours) * 3_600_000,
    drainTimeoutMs:
      settings.wholeNumber('AIBROKER_DRAIN_TIMEOUT_S', 'seconds', DEFAULT_SETTINGS.drainTimeoutS) * 1000,
    timeouts: readTimeouts(settings),
    logLevel: settings.choice('AIBROKER_LOG_LEVEL', LOG_LEVELS, DEFAULT_SETTINGS.logLevel),
    httpClient: settings.choice('AIBROKER_HTTP_CLIENT', HTTP_CLIENTS, DEFAULT_SETTINGS.httpClient),
    credentialsDir: settings.text('CREDENTIALS_DIRECTORY'),
    hasKeysCommand: keysCommand !== undefined,
    networkProxy: readNetworkProxy(settings),
    attribution: Object.freeze({
      referer: settings.text('OPENROUTER_HTTP_REFERER'),
      title: settings.text('OPENROUTER_X_TITLE'),
    }),
    adminToken: findSecret(secrets, 'ADMIN_TOKEN'),
    heroSecret: findSecret(secrets, 'HERO_SECRET'),
    alarmWebhook: alarmWebhookOf(settings),
    alarmSecret: findSecret(secrets, 'AIBROKER_ALARM_SECRET'),
    keysOf: (name, keyEnv) => findKeys(keySources, keyVariables(name, keyEnv)),
    keysCommandOutput: () => fromCommand ?? {},
    async runKeysCommand() {
      return keysCommand === undefined ? {} : await runKeysCommand(keysCommand, env)
    },
    rereadKeys({ mayLoseMost = false, fromKeysCommand: output = fromCommand ?? {} } = {}) {
      const rereading = createSettings(env)
      const next = readSecretSources({ env, envFile, fromCommand: output }, rereading)
      if (!mayLoseMost) refuseLosses(sources, next, rereading)
      rereading.throwIfInvalid()
      sources = next
      fromCommand = output
      keySources = valuesOf(next)
      return SECRET_VARIABLES.filter(
        (name) => findSecret(keySources, name)?.reveal() !== findSecret(secrets, name)?.reveal(),
      )
    },
    baseUrlOf: (name) => urls.get(variableName(name)),
  }
  settings.throwIfInvalid()
  return Object.freeze({
    ...config,
    get effective() {
      return effectiveSettings(config, { env, secrets: sources, flags: argv })
    },
  })
}

function valuesOf(sources: readonly SecretSource[]): readonly Environment[] {
  return sources.map(({ values }) => values)
}

/** Collects an error for a source that lost most of its variables, which is rather cut off than meant. */
function refuseLosses(
  before: readonly SecretSource[],
  after: readonly SecretSource[],
  settings: Settings,
): void {
  for (const [index, { values, place }] of after.entries()) {
    const counts = [before[index]?.values ?? {}, values].map((all) => Object.keys(all).length)
    const [had = 0, has = 0] = counts
    if (place !== undefined && losesMost(had, has))
      settings.addError(
        place,
        `has ${has} of ${had} variables: is it cut off? If it is meant, run “hero_aibroker config reload --force”`,
      )
  }
}

interface ListForm {
  readonly isValid: (item: string) => boolean
  readonly expected: string
}

const PROXY: ListForm = {
  isValid: isAddressOrNetwork,
  expected:
    'IP addresses and networks with commas between, such as 10.0.0.1,172.16.0.0/12 (not /0, with which every caller could write who pays)',
}
const HOST: ListForm = {
  isValid: (item) => /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(item),
  expected: 'host names without ports, with commas between, such as ai.example.org',
}
const ORIGIN: ListForm = {
  isValid: (item) => /^https?:/.test(item) && URL.parse(item)?.origin === item,
  expected:
    'origins of web pages with commas between, such as https://app.example.org or http://localhost:5173',
}
const CONTEXT: ListForm = {
  isValid: (item) => /^[A-Za-z0-9._-]{1,64}$/.test(item),
  expected: 'contexts with commas between, such as lab,shop',
}

function isAddressOrNetwork(item: string): boolean {
  const [address = '', prefix, ...rest] = item.split('/')
  const family = isIP(address)
  if (prefix === undefined) return family !== 0
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : 0
  return rest.length === 0 && family !== 0 && bits >= 1 && bits <= (family === 4 ? 32 : 128)
}

function listOf(settings: Settings, name: string, { isValid, expected }: ListForm): string[] {
  const items = (settings.text(name) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
  const invalid = items.find((item) => !isValid(item))
  if (invalid !== undefined) settings.addError(name, `has “${invalid}” in it, should be ${expected}`)
  return items
}

/** One file may hold both. */
function tlsOf(settings: Settings, cwd: string): Config['tls'] {
  const [cert, key] = [settings.text('AIBROKER_TLS_CERT'), settings.text('AIBROKER_TLS_KEY')]
  const certPath = cert ?? key
  if (certPath === undefined) return undefined
  return Object.freeze({ certPath: resolve(cwd, certPath), keyPath: resolve(cwd, key ?? certPath) })
}

function alarmWebhookOf(settings: Settings): string | undefined {
  const name = 'AIBROKER_ALARM_WEBHOOK'
  const url = settings.text(name)
  if (url === undefined) return undefined
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    settings.addError(name, 'should be a URL, such as https://hooks.example.org/broker')
  return url
}

function probeEveryMs(settings: Settings): number | undefined {
  const name = 'AIBROKER_PROBE_S'
  return settings.text(name) === undefined ? undefined : settings.wholeNumber(name, 'seconds', 10) * 1000
}

function hangUpOf(settings: Settings): Config['hangUp'] {
  const forMs =
    settings.wholeNumber('AIBROKER_HANGUP_DRAIN_S', 'seconds', DEFAULT_SETTINGS.hangUpDrainS) * 1000
  const policy = settings.choice('AIBROKER_HANGUP', ['drain', 'cut'], DEFAULT_SETTINGS.hangUp)
  return Object.freeze(policy === 'cut' ? { policy } : { policy, forMs })
}

/** A larger number exceeds the cores of any host and is a typing error. */
const MAX_WORKERS = 256

function workersOf({ workers }: Flags, settings: Settings): number {
  const name = workers === undefined ? 'AIBROKER_WORKERS' : '--workers'
  const text = String(workers ?? settings.text(name) ?? DEFAULT_SETTINGS.workers)
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= MAX_WORKERS) return Number(text)
  return (
    settings.addError(
      name,
      `is “${text}”, should be a number of processes from 1 to ${MAX_WORKERS}, such as 4`,
    ) ?? 1
  )
}

/** Never an address that nothing was said of, such as `::`. */
function ownAddress(settings: Settings, home: string | undefined): string | undefined {
  return myceliumAddress({ variable: settings.text('HERO_MYCELIUM_IP'), home })
}

/** The address and port of the TCP listener; both or none must be set. */
function listenAt({ address, port }: Flags, settings: Settings, home: string | undefined): Config['listen'] {
  if (address === undefined && port === undefined) return undefined
  if (address === undefined)
    return settings.addError('--port', 'needs --address with it, such as --address 127.0.0.1')
  if (port === undefined) return settings.addError('--address', 'needs --port with it, such as --port 33850')
  const host = address === 'auto' ? ownAddress(settings, home) : address.replace(/^\[(.*)\]$/, '$1')
  if (host === undefined)
    return settings.addError(
      '--address',
      'is auto, and this host has no mycelium address: start mycelium, set HERO_MYCELIUM_IP, or name an IP address',
    )
  if (isIP(host) === 0)
    settings.addError('--address', `is “${address}”, should be an IP address, such as 127.0.0.1 or ::`)
  const number = Number(port)
  if (String(port).trim() === '' || !Number.isInteger(number) || number < 0 || number > 65_535)
    settings.addError('--port', `is “${port}”, should be a number from 0 to 65535`)
  return Object.freeze({ address: host, port: number })
}
