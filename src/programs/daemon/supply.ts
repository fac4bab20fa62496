import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { ModelLists } from '../../broker/model-lists.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { ModelsFile } from '../../catalog/models-file.ts'
import { watchModelsConfig } from '../../catalog/watch-models-config.ts'
import type { Config } from '../../config/config.ts'
import { startLoopback } from '../../local/loopback/loopback.ts'
import type { HealthBook } from '../../providers/health.ts'
import type { Provider } from '../../providers/provider.ts'
import type { DaemonLog } from './daemon-log.ts'
import { detectedModels, findLocalServers } from './detected.ts'
import { openLiveCatalogue } from './live-catalogue.ts'
import { createLiveModels, type LiveModels } from './live-models.ts'
import { loopbackCatalog, loopbackDefinition } from './loopback.ts'
import { createProviderSet, type ProviderSet } from './provider-set.ts'

/** Who can be asked for what, as of now: the models file, the keys, and what is found on this host. */
export interface Supply extends AsyncDisposable {
  catalog(): Catalog
  providers(): ReadonlyMap<string, Provider>
  /** What providers list by themselves. */
  readonly lists: ModelLists
  /** What is wrong with the models file since it was last taken up. */
  problems(): readonly string[]
}

export interface SupplyParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: DaemonLog
  readonly health: HealthBook
  /** Where the loopback and managed servers get their sockets. */
  readonly socketFolder: string
}

/** Starts the loopback, reads and watches the models file, sets the providers up, and looks for servers on this host. */
export async function openSupply(parts: SupplyParts): Promise<Supply> {
  const { config, clock, log, socketFolder } = parts
  await using stack = new AsyncDisposableStack()
  const loopbackSocket = await runLoopback(socketFolder, clock, stack)
  const models = createLiveModels(config.modelsConfigPath, loopbackCatalog())
  const providers = createProviderSet({
    config,
    clock,
    health: parts.health,
    socketFolder,
    builtIn: [loopbackDefinition(loopbackSocket)],
    onServerEvent: (event) => log.info(event, 'local server'),
  })
  stack.defer(() => providers.close())
  providers.update(models.file().providers)
  stack.adopt(watchModels(parts, models, providers), (watcher) => watcher.close())
  if (config.detectsLocalServers) void lookAround(parts, models, providers)
  const lists = openLists(parts, models, providers, stack)
  const open = stack.move()
  return {
    catalog: () => models.catalog(),
    providers: () => providers.current(),
    lists,
    problems: () => models.problems(),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
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

/** A good file is taken up as a whole; with a bad one the last good one stays. */
function watchModels(
  { config, clock, log }: SupplyParts,
  models: LiveModels,
  providers: ProviderSet,
): { close(): void } {
  const path = config.modelsConfigPath
  const keepLastGood = (error: unknown): void => {
    const problem = error instanceof Error ? error.message : String(error)
    models.problem(problem)
    log.warn({ path, problem }, 'models file refused, the last good one stays')
  }
  const takeUp = (file: ModelsFile): void => {
    try {
      providers.update(file.providers)
    } catch (error) {
      keepLastGood(error)
      return
    }
    models.take(file)
    log.info({ path, models: file.catalog.models.size }, 'models file taken up')
  }
  return watchModelsConfig({ path, clock, onGood: takeUp, onBad: keepLastGood })
}

/** Servers that run on this host without our doing join when they are found; nobody waits for it. */
async function lookAround({ log }: SupplyParts, models: LiveModels, providers: ProviderSet): Promise<void> {
  const found = await findLocalServers()
  if (found.length === 0) return
  providers.add(found.map(({ definition }) => definition))
  models.add(detectedModels(found))
  log.info({ servers: found.map(({ definition }) => definition.id) }, 'local servers found')
}
