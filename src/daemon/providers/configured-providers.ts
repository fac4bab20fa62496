import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ProviderSetting, ServerSetting } from '../../catalog/provider-setting.ts'
import type { Config } from '../../config/config.ts'
import { keyVariables } from '../../config/keys.ts'
import type { KnownProvider } from '../../server/rpc/handlers/providers.ts'
import {
  createManagedServer,
  type ManagedServer,
  type ManagedServerEvent,
} from '../../local-models/managed/managed-server.ts'
import {
  hostOf,
  isLocalUrl,
  parseBaseUrl,
  unixBaseUrl,
  type BaseUrl,
} from '../../providers/transport/base-url.ts'
import { definitionsOf } from '../../providers/definitions/configured.ts'
import type { KeySetting } from '../../providers/keys/key-pool.ts'
import type { HealthBook } from '../../providers/health/endpoint-health.ts'
import { leanUpstream } from '../../providers/transport/http1/http1-upstream.ts'
import { openaiChat } from '../../providers/protocols/openai-provider.ts'
import type { Provider, ProviderDefinition } from '../../providers/provider.ts'
import {
  createWatch,
  DEFAULT_LIMITS,
  type TimeLimits,
  type Watch,
} from '../../providers/transport/timeouts.ts'
import { testKeys } from '../../providers/checks/test-keys.ts'
import { undiciUpstream, type Upstream } from '../../providers/transport/upstream.ts'

export interface ProviderSetParts {
  readonly config: Config
  readonly clock: Clock
  /** Where managed servers get their sockets. */
  readonly socketFolder: string
  /** Providers that come from nowhere but this host: the loopback, and servers that were detected. */
  readonly builtIn: readonly ProviderDefinition[]
  /** What is known of how endpoints do; outlives the providers that are built anew. */
  readonly health: HealthBook
  readonly onServerEvent: (event: ManagedServerEvent) => void
  /** Hears of a provider that could not be closed in good order when a reload took it away. */
  readonly onTrouble: (provider: string, error: unknown) => void
}

/** The providers that can be asked now. */
export interface ProviderSet {
  /** By id. A new map after each `update`. */
  current(): ReadonlyMap<string, Provider>
  /** Takes over what the models file says now; providers that didn't change keep their connections. */
  update(settings: ReadonlyMap<string, ProviderSetting>): void
  /** Adds providers that were found on this host after the start. */
  add(found: readonly ProviderDefinition[]): void
  /** Those that can be asked, and those that only lack a key. */
  known(): readonly KnownProvider[]
  close(): Promise<void>
}

interface Built {
  readonly provider: Provider
  readonly baseUrl: string
  readonly testKeys: KnownProvider['testKeys']
  readonly server: ManagedServer | undefined
  /** What it was built from; another fingerprint means building it anew. */
  readonly fingerprint: string
}

export function createProviderSet(parts: ProviderSetParts): ProviderSet {
  let built = new Map<string, Built>()
  let current: ReadonlyMap<string, Provider> = new Map()
  let settings: ReadonlyMap<string, ProviderSetting> = new Map()
  const builtIn = [...parts.builtIn]
  /** By id: when the last one of those that a reload took away has ended. */
  const endings = new Map<string, Promise<void>>()
  const watch = createWatch(parts.clock)

  /** With the addresses that were set here. */
  function definitions(): readonly ProviderDefinition[] {
    // What the file says of a server that was also found on this host comes first.
    const others = builtIn.filter(({ id }) => !settings.has(id))
    return [...definitionsOf(settings), ...others].map((definition) => {
      const url = parts.config.baseUrlOf(definition.id)
      return url === undefined ? definition : { ...definition, baseUrl: url }
    })
  }

  function known(definition: ProviderDefinition): KnownProvider {
    const mine = built.get(definition.id)
    return {
      definition,
      host: hostOf(mine?.baseUrl ?? definition.baseUrl),
      keyVariables: definition.needsKey
        ? keyVariables(definition.id, settings.get(definition.id)?.keyEnv)
        : [],
      provider: mine?.provider,
      testKeys: mine?.testKeys ?? (() => Promise.resolve([])),
    }
  }

  /** All of it or nothing: with a provider that can't be built everything stays as it was. */
  function rebuild(): void {
    const next = new Map<string, Built>()
    try {
      for (const wanted of definitions()) {
        const setting = settings.get(wanted.id)
        if (isSetUp(wanted, setting, parts.config)) next.set(wanted.id, keptOrBuilt(wanted, setting))
      }
    } catch (error) {
      for (const [id, fresh] of next) if (built.get(id) !== fresh) retire(id, fresh)
      throw error
    }
    for (const [id, old] of built) if (next.get(id) !== old) retire(id, old)
    built = next
    current = new Map([...next].map(([id, { provider }]) => [id, provider]))
  }

  function keptOrBuilt(wanted: ProviderDefinition, setting: ProviderSetting | undefined): Built {
    const fingerprint = JSON.stringify([
      wanted,
      setting?.server,
      setting?.keyEnv,
      setting?.keys,
      setting?.timeouts,
      digestOf(keysFor(wanted.id, setting, parts.config)),
    ])
    const before = built.get(wanted.id)
    if (before?.fingerprint === fingerprint) return before
    return build(wanted, setting, fingerprint, parts, watch, () => endings.get(wanted.id))
  }

  /** Running requests end first; nothing waits for that but a server of the same name, and the end of the program. */
  function retire(id: string, old: Built): void {
    const ending = Promise.all([endings.get(id), closeBuilt(old)])
      .then(NOTHING_MORE, (error: unknown) => parts.onTrouble(id, error))
      .finally(() => {
        if (endings.get(id) === ending) endings.delete(id)
      })
    endings.set(id, ending)
  }

  function take(changed: ReadonlyMap<string, ProviderSetting>): void {
    const before = settings
    settings = changed
    try {
      refuseStandIns(changed, parts.builtIn)
      rebuild()
    } catch (error) {
      settings = before
      throw error
    }
  }

  return {
    current: () => current,
    update: take,
    add(found) {
      builtIn.push(...found)
      rebuild()
    },
    known: () => definitions().map(known),
    async close() {
      await Promise.all([...built.values()].map(closeBuilt))
      await Promise.all(endings.values())
    },
  }
}

const NOTHING_MORE = (): void => undefined

/** The built-in stand-in says what it is; nobody else may answer under its name. */
function refuseStandIns(
  settings: ReadonlyMap<string, ProviderSetting>,
  builtIn: readonly ProviderDefinition[],
): void {
  const taken = builtIn.find(({ id, isStandIn }) => isStandIn === true && settings.has(id))
  if (taken === undefined) return
  throw new BrokerError(
    'bad-request',
    `providers.${taken.id}: this is the name of the built-in ${taken.displayName}; choose another one`,
  )
}

async function closeBuilt({ provider, server }: Built): Promise<void> {
  await provider.close()
  await server?.close()
}

/** A provider that needs a key and has none isn't there; one on this host, or of the models file, needs none. */
function isSetUp(
  definition: ProviderDefinition,
  setting: ProviderSetting | undefined,
  config: Config,
): boolean {
  return !definition.needsKey || keysFor(definition.id, setting, config).length > 0
}

function keysFor(id: string, setting: ProviderSetting | undefined, config: Config): readonly KeySetting[] {
  if (setting?.keys === undefined) return config.keysOf(id, setting?.keyEnv).map((key) => ({ key }))
  return setting.keys.flatMap(({ env, ...use }) => config.keysOf(id, env).map((key) => ({ key, ...use })))
}

/** Tells other keys apart and no key. */
function digestOf(keys: readonly KeySetting[]): string {
  const hash = createHash('sha256')
  for (const { key } of keys) hash.update(`${key.reveal()}\n`)
  return hash.digest('hex')
}

function build(
  definition: ProviderDefinition,
  setting: ProviderSetting | undefined,
  fingerprint: string,
  parts: ProviderSetParts,
  watch: Watch,
  predecessor: () => Promise<void> | undefined,
): Built {
  const server = setting?.server === undefined ? undefined : manage(definition.id, setting.server, parts)
  const baseUrl = server === undefined ? definition.baseUrl : baseUrlOf(server)
  const limits = { ...DEFAULT_LIMITS, ...parts.config.timeLimits, ...setting?.timeouts }
  const keys = keysFor(definition.id, setting, parts.config)
  const common = {
    definition,
    keys,
    upstream: upstreamAt(parseBaseUrl(baseUrl), limits, parts),
    isLocal: server !== undefined || isLocalUrl(parseBaseUrl(baseUrl)),
    clock: parts.clock,
    enter: server === undefined ? undefined : () => enter(server, predecessor()),
  }
  const provider = openaiChat({
    ...common,
    health: parts.health,
    limits,
    watch,
  })
  const test: KnownProvider['testKeys'] = (signal) =>
    testKeys({ ...common, keys: keys.map(({ key }) => key) }, signal)
  return { provider, baseUrl, testKeys: test, server, fingerprint }
}

/** Only connecting has its limit here; silence is watched where its meaning is known. */
function upstreamAt(base: BaseUrl, { connectMs }: TimeLimits, { config, clock }: ProviderSetParts): Upstream {
  if (config.httpClient === 'undici') return undiciUpstream(base, { connectMs })
  return leanUpstream(base, { clock, timeouts: { connectMs } })
}

function manage(name: string, setting: ServerSetting, parts: ProviderSetParts): ManagedServer {
  // Not the bare name: a server may be called `rest`, as one of our own sockets is.
  const place = join(parts.socketFolder, `local_${name}`)
  return createManagedServer({
    name,
    command: setting.command,
    address: setting.port === undefined ? { socketPath: `${place}.sock` } : { port: setting.port },
    readyPath: setting.readyPath,
    idleTimeoutMs: setting.idleTimeoutMs,
    recordPath: `${place}.pid`,
    clock: parts.clock,
    log: parts.onServerEvent,
  })
}

function baseUrlOf({ address }: ManagedServer): string {
  return 'port' in address ? `http://127.0.0.1:${address.port}/v1` : unixBaseUrl(address.socketPath)
}

/** Two servers of one name would share a socket, and maybe more memory than there is: the old one ends first. */
async function enter(server: ManagedServer, predecessor: Promise<void> | undefined): Promise<() => void> {
  const leave = server.enter()
  try {
    await predecessor
    await server.ready()
    return leave
  } catch (error) {
    leave()
    throw error
  }
}
