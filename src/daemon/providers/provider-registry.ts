import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ModelLists } from '../../catalog/model-lists.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { readModelsFile, type ModelsFile } from '../../catalog/models-file/models-file.ts'
import { watchModelsConfig } from '../../catalog/models-file/watch-models-file.ts'
import type { Config } from '../../config/config.ts'
import type { KnownProvider } from '../../providers/checks/known-provider.ts'
import { startLoopback } from '../../local-models/mock/mock-provider.ts'
import type { HealthBook } from '../../providers/health/endpoint-health.ts'
import type { ProviderSetting } from '../../catalog/provider-setting.ts'
import type { Provider, ProviderDefinition } from '../../providers/provider.ts'
import type { DaemonLog } from '../log.ts'
import { detectedModels, findLocalServers } from './detected-servers.ts'
import { openLiveCatalogue } from './catalog-refresh.ts'
import { createLiveModels, type LiveModels } from './live-catalog.ts'
import { loopbackCatalog, loopbackDefinition } from './mock-provider.ts'
import { createProviderSet, type ProviderSet } from './configured-providers.ts'

/** The current catalog and providers, from the models file, the keys, and servers that are found on this host. */
export interface Supply extends AsyncDisposable {
  catalog(): Catalog
  providers(): ReadonlyMap<string, Provider>
  /** The model lists that providers publish. */
  readonly lists: ModelLists
  /** What is wrong with the models file since it was last applied. */
  problems(): readonly string[]
  /** Every provider that is configured, and those that lack only a key. */
  known(): readonly KnownProvider[]
  /**
   * Reads the secrets file and the models file again. Throws what is wrong with one of them; then the last good one stays in
   * use. Returns the variables whose change takes effect at the next start only.
   */
  reload(): readonly string[]
  /** Overrides the models file's priority of all endpoints of these providers. */
  prioritise(priorities: ReadonlyMap<string, number>): void
  /** Everything that a worker process needs to call the same providers for the same models. */
  state(): SupplyState
  /** Called after each change of the state. */
  onChange: () => unknown
}

/** Plain data, as it is sent to workers. */
export interface SupplyState {
  readonly catalog: Catalog
  readonly settings: ReadonlyMap<string, ProviderSetting>
  /** Providers that exist only on this host. */
  readonly builtIn: readonly ProviderDefinition[]
}

export interface SupplyParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: DaemonLog
  readonly health: HealthBook
  /** Folder of the sockets of the mock provider and of managed servers. */
  readonly socketFolder: string
}

/** Starts the mock provider, reads and watches the models file, sets up the providers, and looks for servers on this host. */
export async function openSupply(parts: SupplyParts): Promise<Supply> {
  const { config, clock, log, socketFolder } = parts
  await using stack = new AsyncDisposableStack()
  const path = config.modelsConfigPath
  const loopbackSocket = await runLoopback(socketFolder, clock, stack)
  const models = createLiveModels(path, loopbackCatalog(), () => supply.onChange())
  const builtIn = [loopbackDefinition(loopbackSocket)]
  const providers = createProviderSet({
    config,
    clock,
    health: parts.health,
    socketFolder,
    builtIn,
    onServerEvent: (event) => log.info(event, 'local server'),
    onTrouble: (provider, error) =>
      log.error({ provider, err: error }, 'a provider could not be closed cleanly'),
  })
  stack.defer(() => providers.close())
  providers.update(models.file().providers)
  const intake = createIntake(parts, models, providers)
  stack.adopt(watchModelsConfig({ path, clock, ...intake }), (watcher) => watcher.close())
  if (config.detectsLocalServers) void lookAround(parts, models, providers, builtIn)
  const lists = openLists(parts, models, providers, stack)
  const open = stack.move()
  const supply: Supply = {
    catalog: () => models.catalog(),
    providers: () => providers.current(),
    lists,
    problems: () => models.problems(),
    known: () => providers.known(),
    reload() {
      const waiting = config.rereadKeys()
      reload(path, intake, models)
      return waiting
    },
    prioritise: (priorities) => models.prioritise(priorities),
    state: () => ({ catalog: models.catalog(), settings: models.file().providers, builtIn }),
    onChange: () => undefined,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
  return supply
}

function openLists(
  { config, clock, log }: SupplyParts,
  models: LiveModels,
  providers: ProviderSet,
  stack: AsyncDisposableStack,
): ModelLists {
  const lists = openLiveCatalogue({
    models,
    providers: () => providers.current(),
    copyPath: join(config.dataDir, 'openrouter-models.json'),
    isAutomatic: config.refreshesCatalogue,
    clock,
    log,
  })
  stack.defer(() => lists.close())
  return lists
}

async function runLoopback(folder: string, clock: Clock, stack: AsyncDisposableStack): Promise<string> {
  const socketPath = join(folder, 'loopback.sock')
  const loopback = await startLoopback({ socketPath, clock })
  stack.defer(async () => {
    await loopback.close()
    rmSync(socketPath, { force: true })
  })
  return socketPath
}

/** Handles a models file that was read. */
interface Intake {
  /** Applies the file as a whole, or refuses it. */
  onGood(file: ModelsFile): void
  /** Keeps the last good file. */
  onBad(error: unknown): void
}

function createIntake({ config, log }: SupplyParts, models: LiveModels, providers: ProviderSet): Intake {
  const path = config.modelsConfigPath
  const onBad = (error: unknown): void => {
    const problem = error instanceof Error ? error.message : String(error)
    models.problem(problem)
    log.warn({ path, problem }, 'models file refused, the last good one stays')
  }
  return {
    onBad,
    onGood(file) {
      try {
        providers.update(file.providers)
      } catch (error) {
        return onBad(error)
      }
      models.take(file)
      log.info({ path, models: file.catalog.models.size }, 'models file taken up')
    },
  }
}

function reload(path: string, intake: Intake, models: LiveModels): void {
  try {
    intake.onGood(readModelsFile(path))
  } catch (error) {
    intake.onBad(error)
  }
  const [problem] = models.problems()
  if (problem !== undefined) throw new BrokerError('bad-request', problem)
}

/** Adds model servers that run on this host once they are found. The start does not wait for it. */
async function lookAround(
  { log }: SupplyParts,
  models: LiveModels,
  providers: ProviderSet,
  builtIn: ProviderDefinition[],
): Promise<void> {
  const found = await findLocalServers()
  if (found.length === 0) return
  const definitions = found.map(({ definition }) => definition)
  builtIn.push(...definitions)
  providers.add(definitions)
  models.add(detectedModels(found))
  log.info({ servers: definitions.map(({ id }) => id) }, 'local servers found')
}
