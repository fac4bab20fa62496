import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { losesMost } from '../../files/loses-most.ts'
import type { ModelLists } from '../../catalog/model-lists.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { ModelsFile } from '../../catalog/models-file/models-file.ts'
import { readFirstModelsFile, readModelsFileInThread } from '../../catalog/models-file/parse-in-thread.ts'
import { watchModelsFile } from '../../catalog/models-file/watch-models-file.ts'
import type { Environment } from '../../config/settings.ts'
import type { Config } from '../../config/config.ts'
import type { KnownProvider } from '../../providers/checks/known-provider.ts'
import { startMockProvider } from '../../local-models/mock/mock-provider.ts'
import type { HealthRegistry } from '../../providers/health/endpoint-health.ts'
import type { MotherListing } from '../../catalog/sources/mother-models.ts'
import type { MotherProvider } from '../../cascade/mothers/mother-provider.ts'
import type { ProviderSetting } from '../../catalog/provider-setting.ts'
import type { Provider, ProviderDefinition } from '../../providers/provider.ts'
import type { DaemonLog } from '../log.ts'
import { detectedModels, findLocalServers } from './detected-servers.ts'
import { openCatalogRefresh } from './catalog-refresh.ts'
import { createLiveCatalog, type LiveCatalog } from './live-catalog.ts'
import { mockProviderModels, mockProviderDefinition } from './mock-provider.ts'
import { loadHttpClient } from './http-client.ts'
import { createConfiguredProviders, type ConfiguredProviders } from './configured-providers.ts'

/** The current catalog and providers, from the models file, the keys, and servers that are found on this host. */
export interface ProviderRegistry extends AsyncDisposable {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  /** The model lists that providers publish. */
  readonly lists: ModelLists
  /** What is wrong with the models file since it was last applied. */
  problems(): readonly string[]
  /** Whether the entries with problems are left out; otherwise the last good copy of the file is in use. */
  leavesOut(): boolean
  /** Every provider that is configured, and those that lack only a key. */
  known(): readonly KnownProvider[]
  /**
   * Reads the secrets file and the models file again. Throws what is wrong with one of them; then the last good one stays in
   * use. A file that lost all or most of what it had counts as wrong, unless it `mayLoseMost`. Returns the variables whose
   * change takes effect at the next start only.
   */
  reload(options?: { readonly mayLoseMost?: boolean }): Promise<readonly string[]>
  /** Overrides the models file's priority of all endpoints of these providers. */
  setPriorities(priorities: ReadonlyMap<string, number>): void
  /** Replaces the brokers above this one; the models of those that are gone leave with them. */
  setMothers(mothers: readonly MotherProvider[]): void
  /** Replaces the models that the brokers above this one offer. */
  setMotherModels(listings: readonly MotherListing[]): void
  /** Everything that a worker process needs to call the same providers for the same models. */
  state(): RegistryState
  /** Called after each change of the state. */
  onChange: () => unknown
}

/** Plain data, as it is sent to workers. */
export interface RegistryState {
  readonly catalog: Catalog
  readonly settings: ReadonlyMap<string, ProviderSetting>
  /** Providers that exist only on this host. */
  readonly builtIn: readonly ProviderDefinition[]
  /** With their tokens, over a private channel. */
  readonly mothers: readonly MotherProvider[]
  /** Whether the secrets file that is in use may have lost most of its variables. */
  readonly mayLoseMost: boolean
  /** Over a private channel: workers do not run the keys command. */
  readonly fromKeysCommand: Environment
}

export interface ProviderRegistryParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: DaemonLog
  readonly health: HealthRegistry
  /** Folder of the sockets of the mock provider and of managed servers. */
  readonly socketFolder: string
}

/** Starts the mock provider, reads and watches the models file, sets up the providers, and looks for servers on this host. */
export async function openProviderRegistry(parts: ProviderRegistryParts): Promise<ProviderRegistry> {
  const { config, clock, log, socketFolder } = parts
  await using stack = new AsyncDisposableStack()
  const path = config.modelsConfigPath
  const file = await readFirstModelsFile(path)
  if (file.leftOut !== undefined)
    log.warn({ path, problem: file.leftOut }, 'models file has mistakes, the rest of it is in use')
  const mockSocket = await openMockProvider(socketFolder, clock, stack)
  const models = createLiveCatalog(file, mockProviderModels(), () => registry.onChange())
  const builtIn = [mockProviderDefinition(mockSocket)]
  const providers = createConfiguredProviders({
    config,
    clock,
    httpClient: await loadHttpClient(config, clock),
    health: parts.health,
    socketFolder,
    builtIn,
    onServerEvent: (event) => log.info(event, 'local server'),
    onCloseError: (provider, error) =>
      log.error({ provider, err: error }, 'a provider could not be closed cleanly'),
  })
  stack.defer(() => providers.close())
  providers.update(models.file().providers)
  const modelsFile = createModelsFileHandler(parts, models, providers)
  stack.adopt(watchModelsFile({ path, clock, ...modelsFile }), (watcher) => watcher.close())
  if (config.detectsLocalServers) void addDetectedServers(parts, models, providers, builtIn)
  const lists = openLists(parts, models, providers, stack)
  let mothers: readonly MotherProvider[] = []
  const open = stack.move()
  let mayLoseMost = false
  const registry: ProviderRegistry = {
    catalog: models.catalog,
    providers: providers.current,
    lists,
    problems: () => models.problems(),
    leavesOut: () => models.leavesOut(),
    known: () => providers.known(),
    async reload(options) {
      const fromKeysCommand = await config.runKeysCommand()
      const pendingVariables = config.rereadKeys({ ...options, fromKeysCommand })
      mayLoseMost = options?.mayLoseMost === true
      await reload(path, modelsFile, models, options)
      return pendingVariables
    },
    setPriorities: (priorities) => models.setPriorities(priorities),
    setMothers(next) {
      providers.setMothers(next)
      mothers = next
      registry.onChange()
    },
    setMotherModels: (listings) => models.setMothers(listings),
    state: () => ({
      catalog: models.catalog(),
      settings: models.file().providers,
      builtIn,
      mothers,
      mayLoseMost,
      fromKeysCommand: config.keysCommandOutput(),
    }),
    onChange: () => undefined,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
  return registry
}

function openLists(
  { config, clock, log }: ProviderRegistryParts,
  models: LiveCatalog,
  providers: ConfiguredProviders,
  stack: AsyncDisposableStack,
): ModelLists {
  const lists = openCatalogRefresh({
    models,
    providers: providers.current,
    copyPath: join(config.dataDir, 'openrouter-models.json'),
    isAutomatic: config.refreshesModelLists,
    clock,
    log,
  })
  stack.defer(() => lists.close())
  return lists
}

async function openMockProvider(folder: string, clock: Clock, stack: AsyncDisposableStack): Promise<string> {
  const socketPath = join(folder, 'loopback.sock')
  const mockProvider = await startMockProvider({ socketPath, clock })
  stack.defer(async () => {
    await mockProvider.close()
    rmSync(socketPath, { force: true })
  })
  return socketPath
}

/** Handles a models file that was read. */
interface ModelsFileHandler {
  /** Applies the file as a whole, or refuses it. One that lost most models is refused, unless it `mayLoseMost`. */
  onGood(file: ModelsFile, options?: { readonly mayLoseMost?: boolean }): void
  /** Keeps the last good file. */
  onBad(error: unknown): void
}

function createModelsFileHandler(
  { config, log }: ProviderRegistryParts,
  models: LiveCatalog,
  providers: ConfiguredProviders,
): ModelsFileHandler {
  const path = config.modelsConfigPath
  const onBad = (error: unknown): void => {
    const problem = error instanceof Error ? error.message : String(error)
    models.setProblem(problem)
    log.warn({ path, problem }, 'models file refused, the last good one stays')
  }
  return {
    onBad,
    onGood(file, { mayLoseMost = false } = {}) {
      const [before, after] = [models.file(), file].map(({ catalog }) => catalog.models.size)
      if (!mayLoseMost && losesMost(before ?? 0, after ?? 0))
        return onBad(new BrokerError('bad-request', lossText(path, before ?? 0, after ?? 0)))
      try {
        providers.update(file.providers)
      } catch (error) {
        return onBad(error)
      }
      models.setFile(file)
      log.info({ path, models: file.catalog.models.size }, 'models file taken up')
    },
  }
}

function lossText(path: string, before: number, after: number): string {
  const has = after === 0 ? 'has no models' : `has only ${after} of ${before} models`
  return `${path} ${has}: is it cut off? If it is meant, run “hero_aibroker config reload --force”`
}

async function reload(
  path: string,
  modelsFile: ModelsFileHandler,
  models: LiveCatalog,
  options?: { readonly mayLoseMost?: boolean },
): Promise<void> {
  try {
    modelsFile.onGood(await readModelsFileInThread(path), options)
  } catch (error) {
    modelsFile.onBad(error)
  }
  const [problem] = models.problems()
  if (problem !== undefined) throw new BrokerError('bad-request', problem)
}

/** Adds model servers that run on this host once they are found. The start does not wait for it. */
async function addDetectedServers(
  { log }: ProviderRegistryParts,
  models: LiveCatalog,
  providers: ConfiguredProviders,
  builtIn: ProviderDefinition[],
): Promise<void> {
  const found = await findLocalServers()
  if (found.length === 0) return
  const definitions = found.map(({ definition }) => definition)
  builtIn.push(...definitions)
  providers.add(definitions)
  models.addModels(detectedModels(found))
  log.info({ servers: definitions.map(({ id }) => id) }, 'local servers found')
}
