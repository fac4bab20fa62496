import { Current } from '../../base/current.ts'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import type { MotherProvider } from '../../cascade/mothers/mother-provider.ts'
import type { ProviderSetting, ServerSetting } from '../../catalog/provider-setting.ts'
import type { Config } from '../../config/config.ts'
import { urlVariable } from '../../config/network/base-urls.ts'
import { keyVariables } from '../../config/secrets/keys.ts'
import type { KnownProvider } from '../../providers/checks/known-provider.ts'
import {
  createManagedServer,
  type ManagedServer,
  type ManagedServerEvent,
} from '../../local-models/managed/managed-server.ts'
import { hostOf, isLocalUrl, parseBaseUrl, unixBaseUrl } from '../../providers/transport/base-url.ts'
import { definitionsOf } from '../../providers/definitions/configured.ts'
import type { KeySetting } from '../../providers/keys/key-pool.ts'
import type { HealthRegistry } from '../../providers/health/endpoint-health.ts'
import { createProvider } from '../../providers/protocols/create-provider.ts'
import type { Provider, ProviderDefinition } from '../../providers/provider.ts'
import {
  createDeadlineTimer,
  DEFAULT_LIMITS,
  type DeadlineTimer,
} from '../../providers/transport/timeouts.ts'
import { testKeys } from '../../providers/checks/test-keys.ts'
import { proxyFor } from '../../providers/transport/proxy/proxy-address.ts'
import type { HttpClient } from './http-client.ts'

export interface ConfiguredProvidersParts {
  readonly config: Config
  readonly clock: Clock
  readonly httpClient: HttpClient
  /** Folder of the sockets of managed servers. */
  readonly socketFolder: string
  /** Providers that exist only on this host: the mock provider, and servers that were detected. */
  readonly builtIn: readonly ProviderDefinition[]
  /** Health of all endpoints; outlives providers that a reload replaces. */
  readonly health: HealthRegistry
  readonly onServerEvent: (event: ManagedServerEvent) => void
  /** Called when a provider that a reload removed could not be closed cleanly. */
  readonly onCloseError: (provider: string, error: unknown) => void
}

/** The providers that are configured now. */
export interface ConfiguredProviders {
  /** By id. A new map after each `update`. */
  readonly current: () => ReadonlyMap<string, Provider>
  /**
   * Applies the provider settings of the models file; providers that did not change keep their connections. Throws
   * `bad-request` for a setting that can't be applied; then every provider stays as it was.
   */
  update(settings: ReadonlyMap<string, ProviderSetting>): void
  /** Adds providers that were found on this host after the start. */
  add(found: readonly ProviderDefinition[]): void
  /** Replaces the brokers above this one. */
  setMothers(mothers: readonly MotherProvider[]): void
  /** Every provider that is configured, and those that lack only a key. */
  known(): readonly KnownProvider[]
  close(): Promise<void>
}

/** A provider that was built, and what it was built from. */
interface BuiltProvider {
  readonly provider: Provider
  readonly baseUrl: string
  readonly testKeys: KnownProvider['testKeys']
  readonly server: ManagedServer | undefined
  /** Hash input of everything that went into it: when it changes, the provider is built again. */
  readonly fingerprint: string
}

/** Starts without providers: `update` builds those of the models file. */
export function createConfiguredProviders(parts: ConfiguredProvidersParts): ConfiguredProviders {
  return new RebuildableProviders(parts)
}

class RebuildableProviders implements ConfiguredProviders {
  readonly #parts: ConfiguredProvidersParts
  readonly #builtIn: ProviderDefinition[]
  readonly #watch: DeadlineTimer
  /** By id: resolves when the last of the providers that a reload removed is closed. */
  readonly #closing = new Map<string, Promise<void>>()
  #settings: ReadonlyMap<string, ProviderSetting> = new Map()
  #mothers: readonly MotherProvider[] = []
  #built: ReadonlyMap<string, BuiltProvider> = new Map()
  readonly #current = new Current<ReadonlyMap<string, Provider>>(new Map())
  readonly current = this.#current.get

  constructor(parts: ConfiguredProvidersParts) {
    this.#parts = parts
    this.#builtIn = [...parts.builtIn]
    this.#watch = createDeadlineTimer(parts.clock)
  }

  update(settings: ReadonlyMap<string, ProviderSetting>): void {
    const before = this.#settings
    this.#settings = settings
    try {
      refuseReservedNames(settings, this.#parts.builtIn)
      this.#rebuild()
    } catch (error) {
      this.#settings = before
      throw error
    }
  }

  add(found: readonly ProviderDefinition[]): void {
    this.#builtIn.push(...found)
    this.#rebuild()
  }

  setMothers(mothers: readonly MotherProvider[]): void {
    const before = this.#mothers
    this.#mothers = mothers
    try {
      this.#rebuild()
    } catch (error) {
      this.#mothers = before
      throw error
    }
  }

  known(): readonly KnownProvider[] {
    return this.#definitions().map((definition) => this.#known(definition))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#built.values()].map(closeBuilt))
    await Promise.all(this.#closing.values())
  }

  /** Of every provider, with the base URLs that the configuration overrides. */
  #definitions(): readonly ProviderDefinition[] {
    // The file's definition of a server takes precedence over the same server found on this host.
    const others = this.#builtIn.filter(({ id }) => !this.#settings.has(id))
    const mothers = this.#mothers.map(({ definition }) => definition)
    return [...definitionsOf(this.#settings), ...others, ...mothers].map((definition) => {
      const url = this.#parts.config.baseUrlOf(definition.id)
      return url === undefined ? definition : { ...definition, baseUrl: url }
    })
  }

  #known(definition: ProviderDefinition): KnownProvider {
    const built = this.#built.get(definition.id)
    return {
      definition,
      host: lacksAddress(definition)
        ? (definition.baseUrlForm ?? '')
        : hostOf(built?.baseUrl ?? definition.baseUrl),
      keyVariables: [
        ...(lacksAddress(definition) ? [urlVariable(definition.id)] : []),
        ...(definition.needsKey
          ? keyVariables(definition.id, this.#settings.get(definition.id)?.keyEnv)
          : []),
      ],
      provider: built?.provider,
      testKeys: built?.testKeys ?? (() => Promise.resolve([])),
    }
  }

  /** Atomic: when one provider can't be built, all stay as they were. */
  #rebuild(): void {
    const next = new Map<string, BuiltProvider>()
    try {
      for (const definition of this.#definitions()) {
        const setting = this.#settings.get(definition.id)
        if (isConfigured(definition, setting, this.#parts.config))
          next.set(definition.id, this.#keepOrBuild(definition, setting))
      }
    } catch (error) {
      for (const [id, built] of next) if (this.#built.get(id) !== built) this.#retire(id, built)
      throw error
    }
    for (const [id, built] of this.#built) if (next.get(id) !== built) this.#retire(id, built)
    this.#built = next
    this.#current.set(new Map([...next].map(([id, { provider }]) => [id, provider])))
  }

  #keepOrBuild(definition: ProviderDefinition, setting: ProviderSetting | undefined): BuiltProvider {
    const keys = this.#keysOf(definition.id, setting)
    const fingerprint = fingerprintOf(definition, setting, keys)
    const before = this.#built.get(definition.id)
    if (before?.fingerprint === fingerprint) return before
    return build({ definition, setting, keys, fingerprint }, this.#parts, this.#watch, () =>
      this.#closing.get(definition.id),
    )
  }

  #keysOf(id: string, setting: ProviderSetting | undefined): readonly KeySetting[] {
    const mother = this.#mothers.find(({ definition }) => definition.id === id)
    if (mother === undefined) return keysFor(id, setting, this.#parts.config)
    return mother.token === undefined ? [] : [{ key: new Secret(mother.token) }]
  }

  /** Closes a provider after its running requests. Only a server of the same name, and the end of the program, wait for it. */
  #retire(id: string, built: BuiltProvider): void {
    const closing = Promise.all([this.#closing.get(id), closeBuilt(built)])
      .then(ignoreResult, (error: unknown) => this.#parts.onCloseError(id, error))
      .finally(() => {
        if (this.#closing.get(id) === closing) this.#closing.delete(id)
      })
    this.#closing.set(id, closing)
  }
}

const ignoreResult = (): void => undefined

/** The name of the built-in mock provider is reserved, so that no other provider can pass as it. */
function refuseReservedNames(
  settings: ReadonlyMap<string, ProviderSetting>,
  builtIn: readonly ProviderDefinition[],
): void {
  const taken = builtIn.find(({ id, isMock }) => isMock === true && settings.has(id))
  if (taken === undefined) return
  throw new BrokerError(
    'bad-request',
    `providers.${taken.id}: this is the name of the built-in ${taken.displayName}; choose another one`,
  )
}

async function closeBuilt({ provider, server }: BuiltProvider): Promise<void> {
  await provider.close()
  await server?.close()
}

/** An address that names the account is not known before it is configured. */
function lacksAddress({ baseUrl, baseUrlForm }: ProviderDefinition): boolean {
  return baseUrl === '' && baseUrlForm !== undefined
}

/** A provider that needs a key is only there with one; providers on this host and of the models file need none. */
function isConfigured(
  definition: ProviderDefinition,
  setting: ProviderSetting | undefined,
  config: Config,
): boolean {
  if (lacksAddress(definition)) return false
  return !definition.needsKey || keysFor(definition.id, setting, config).length > 0
}

function keysFor(id: string, setting: ProviderSetting | undefined, config: Config): readonly KeySetting[] {
  if (setting?.keys === undefined) return config.keysOf(id, setting?.keyEnv).map((key) => ({ key }))
  return setting.keys.flatMap(({ env, ...use }) => config.keysOf(id, env).map((key) => ({ key, ...use })))
}

/** Everything that a provider is built from. Keys are hashed. */
function fingerprintOf(
  definition: ProviderDefinition,
  setting: ProviderSetting | undefined,
  keys: readonly KeySetting[],
): string {
  return JSON.stringify([
    definition,
    setting?.server,
    setting?.proxy,
    setting?.keyEnv,
    setting?.keys,
    setting?.timeouts,
    digestOf(keys),
  ])
}

function digestOf(keys: readonly KeySetting[]): string {
  const hash = createHash('sha256')
  for (const { key } of keys) hash.update(`${key.reveal()}\n`)
  return hash.digest('hex')
}

/** What one provider is built from. */
interface BuildPlan {
  readonly definition: ProviderDefinition
  readonly setting: ProviderSetting | undefined
  readonly keys: readonly KeySetting[]
  readonly fingerprint: string
}

function build(
  { definition, setting, keys, fingerprint }: BuildPlan,
  parts: ConfiguredProvidersParts,
  watch: DeadlineTimer,
  closingPredecessor: () => Promise<void> | undefined,
): BuiltProvider {
  const server =
    setting?.server === undefined ? undefined : createServer(definition.id, setting.server, parts)
  const baseUrl = server === undefined ? definition.baseUrl : baseUrlOf(server)
  const limits = { ...DEFAULT_LIMITS, ...parts.config.timeouts, ...setting?.timeouts }
  const isMother = definition.quirks?.speaksCascade === true
  const isHere = server !== undefined || isLocalUrl(parseBaseUrl(baseUrl))
  const proxy = proxyFor(parseBaseUrl(baseUrl), parts.config.networkProxy, setting?.proxy)
  const common = {
    definition,
    keys,
    upstream: parts.httpClient(parseBaseUrl(baseUrl), {
      connectMs: limits.connectMs,
      fingerprint: definition.fingerprint,
      proxy,
    }),
    proxy: proxy?.shown,
    // A mother on this host sends requests on to others.
    isLocal: !isMother && isHere,
    isOnHost: isMother && isHere,
    clock: parts.clock,
    enter: server === undefined ? undefined : () => enter(server, closingPredecessor()),
  }
  const provider = createProvider({
    ...common,
    health: parts.health,
    limits,
    timer: watch,
  })
  const test: KnownProvider['testKeys'] = (signal) =>
    testKeys({ ...common, keys: keys.map(({ key }) => key) }, signal)
  return { provider, baseUrl, testKeys: test, server, fingerprint }
}

function createServer(name: string, setting: ServerSetting, parts: ConfiguredProvidersParts): ManagedServer {
  // The prefix keeps a server named `rest` from taking the path of the broker's own socket.
  const pathPrefix = join(parts.socketFolder, `local_${name}`)
  return createManagedServer({
    name,
    command: setting.command,
    address: setting.port === undefined ? { socketPath: `${pathPrefix}.sock` } : { port: setting.port },
    readyPath: setting.readyPath,
    idleTimeoutMs: setting.idleTimeoutMs,
    recordPath: `${pathPrefix}.pid`,
    clock: parts.clock,
    log: parts.onServerEvent,
  })
}

function baseUrlOf({ address }: ManagedServer): string {
  return 'port' in address ? `http://127.0.0.1:${address.port}/v1` : unixBaseUrl(address.socketPath)
}

/** Waits until the previous server of the same name has ended: both would share a socket, and perhaps not fit into memory. */
async function enter(server: ManagedServer, predecessor: Promise<void> | undefined): Promise<() => void> {
  const leave = server.beginUse()
  try {
    await predecessor
    await server.ready()
    return leave
  } catch (error) {
    leave()
    throw error
  }
}
