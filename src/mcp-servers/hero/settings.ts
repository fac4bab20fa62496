import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '../../base/secret.ts'
import { BrokerError } from '../../base/errors.ts'
import { homeFolder } from '../../base/host/home-folder.ts'

/** The operator's settings for `mcp_hero`; requests cannot change them. */
export interface HeroSettings {
  readonly isEnabled: boolean
  /** Folder of service folders with an `rpc.sock` in each. */
  readonly socketFolder: string
  /** The folder of generated clients and interfaces. */
  readonly cacheFolder: string
  /** The broker's REST socket, for calling models. */
  readonly modelSocket: string
  readonly model: string
  readonly python: string
  /** The minimum isolation that code may run in. */
  readonly isolation: Isolation
  readonly tries: number
  readonly limits: Limits
  /** Patterns of `service/method` that generated code may call; if absent, all but administrators' methods and `mcp.*`. */
  readonly methods: readonly string[] | undefined
  /** Signs the short-lived token that services see; the secret itself never leaves this process. */
  readonly secret: Secret | undefined
  /** The context of this program's own user. */
  readonly context: string | undefined
  /** Whether the broker started this program, and names the caller of each call. */
  readonly isStartedByBroker: boolean
  /** Whether calls without a caller are made in the name of this program's own user. */
  readonly actsForItself: boolean
}

/** `namespaces` is the full sandbox; `filters` is for kernels without user namespaces. */
export type Isolation = 'namespaces' | 'filters'

export interface Limits {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly scratchBytes: number
  /** The limit of standard output and of standard error, each. */
  readonly outputBytes: number
  /** The maximum number of calls to services per run. */
  readonly calls: number
}

type Env = Readonly<Record<string, string | undefined>>

const MEGABYTE = 1024 * 1024
const TRUE_WORDS = new Set(['1', 'true', 'yes', 'on'])

/** The variable that every program has which the broker started. */
const STARTED_BY_BROKER = 'HERO_AIBROKER_TREE'

/**
 * Reads the settings from the environment. `isShared` says that several clients can connect, as to a socket. Throws `bad-request`
 * naming an invalid variable.
 */
export function readSettings(env: Env, isShared = false): HeroSettings {
  const socketFolder = socketFolderFrom(env)
  const seconds = numberFrom(env, 'MCP_HERO_SECONDS', 30, 600)
  const secret = env['HERO_SECRET'] ?? ''
  const isStartedByBroker = !isShared && readValue(env, STARTED_BY_BROKER) !== undefined
  return {
    isEnabled: TRUE_WORDS.has((env['MCP_HERO_ENABLED'] ?? '').toLowerCase()),
    socketFolder,
    cacheFolder: readValue(env, 'MCP_HERO_CACHE') ?? join(varFolderFrom(env), 'hero_aibroker', 'mcp_hero'),
    modelSocket: readValue(env, 'MCP_HERO_MODEL_SOCKET') ?? join(socketFolder, 'hero_aibroker', 'rest.sock'),
    model: readValue(env, 'MCP_HERO_MODEL') ?? 'auto',
    python: readValue(env, 'MCP_HERO_PYTHON') ?? findPython(),
    isolation: isolationFrom(env),
    tries: numberFrom(env, 'MCP_HERO_TRIES', 3, 10),
    limits: {
      seconds,
      cpuSeconds: Math.min(seconds, numberFrom(env, 'MCP_HERO_CPU_SECONDS', 10, 600)),
      memoryBytes: numberFrom(env, 'MCP_HERO_MEMORY_MB', 512, 16_384) * MEGABYTE,
      scratchBytes: numberFrom(env, 'MCP_HERO_SCRATCH_MB', 8, 1024) * MEGABYTE,
      outputBytes: numberFrom(env, 'MCP_HERO_OUTPUT_KB', 64, 4096) * 1024,
      calls: numberFrom(env, 'MCP_HERO_CALLS', 100, 10_000),
    },
    methods: readValue(env, 'MCP_HERO_METHODS')
      ?.split(',')
      .map((pattern) => pattern.trim()),
    secret: secret === '' ? undefined : new Secret(secret),
    context: readValue(env, 'MCP_HERO_CONTEXT'),
    isStartedByBroker,
    actsForItself: switchFrom(env, 'MCP_HERO_ACT_AS_SELF') ?? (!isStartedByBroker && !isShared),
  }
}

function switchFrom(env: Env, name: string): boolean | undefined {
  const value = readValue(env, name)?.toLowerCase()
  return value === undefined ? undefined : TRUE_WORDS.has(value)
}

function readValue(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

/** The folder of sockets; the variables are those that Hero's services have used, newest first. */
function socketFolderFrom(env: Env): string {
  const named = ['PATH_SOCKETS', 'PATH_SOCKET', 'HERO_SOCKET_DIR'].map((name) => readValue(env, name))
  return named.find((path) => path !== undefined) ?? join(varFolderFrom(env), 'sockets')
}

function varFolderFrom(env: Env): string {
  return readValue(env, 'PATH_VAR') ?? join(readValue(env, 'PATH_ROOT') ?? join(homeOf(env), 'hero'), 'var')
}

function homeOf(env: Env): string {
  return homeFolder(
    readValue(env, 'HOME'),
    homedir,
    'HERO_SOCKET_DIR and PATH_VAR, the folders of sockets and data',
  )
}

/** Prefers a system Python to the one in PATH: version switchers are scripts that need an environment. */
function findPython(): string {
  return (
    ['/usr/bin/python3', '/usr/local/bin/python3', '/opt/homebrew/bin/python3'].find(existsSync) ?? 'python3'
  )
}

function isolationFrom(env: Env): Isolation {
  const value = readValue(env, 'MCP_HERO_ISOLATION') ?? 'namespaces'
  if (value === 'namespaces' || value === 'filters') return value
  throw new BrokerError('bad-request', `MCP_HERO_ISOLATION is namespaces or filters, not “${value}”`)
}

function numberFrom(env: Env, name: string, defaultValue: number, max: number): number {
  const text = readValue(env, name)
  if (text === undefined) return defaultValue
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new BrokerError('bad-request', `${name} is a whole number from 1 to ${max}, not “${text}”`)
}
