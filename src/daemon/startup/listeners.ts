import { join } from 'node:path'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Flags } from '../../config/config.ts'
import { SIGNING_KEY_FILE } from '../../ledger/verify/anchor.ts'
import { brokerHandlers, brokerStreams } from '../../server/rpc/handlers/index.ts'
import { createReportMarks, type ReportMarks } from '../../server/rpc/calls/request-filter.ts'
import type { Handlers } from '../../server/rpc/calls/handler-types.ts'
import { VERSION } from '../../runtime/version.ts'
import type { McpTools } from '../services/mcp-tools.ts'
import { reconcileParts } from '../cascade/charges.ts'
import { openListeners, type TcpAddress } from '../listeners/listeners.ts'
import { broadcastingRules, broadcastingTokens } from '../workers/primary/broadcast-changes.ts'
import type { WorkerBroadcast } from '../workers/primary/worker-broadcast.ts'
import type { WorkerPoolParts } from '../workers/primary/worker-pool.ts'
import type { DaemonAccounting } from './accounting.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonProviders } from './providers.ts'
import type { DaemonServices } from './services.ts'
import type { DaemonStorage } from './storage.ts'

/** How the configuration is read again: files that lost most of what they had are refused, unless they `mayLoseMost`. */
interface ReloadOptions {
  readonly mayLoseMost?: boolean
}

/** Everything that the previous steps have built. */
export interface BuiltDaemon {
  readonly instance: DaemonInstance
  readonly storage: DaemonStorage
  readonly accounting: DaemonAccounting
  readonly providers: DaemonProviders
  readonly services: DaemonServices
  readonly broadcast: WorkerBroadcast
}

/** Step 5: opens the listeners, in worker processes where the configuration asks for some. Returns the TCP address. */
export async function startListeners(built: BuiltDaemon, flags: Flags): Promise<TcpAddress | undefined> {
  const { instance, storage, services, broadcast } = built
  const { config, clock, log, sockets, drainTimer, stack } = instance
  const { admin, http, replay, tools, metrics } = services
  let tcp: TcpAddress | undefined
  let sharedSockets: { isServing(): boolean } | undefined
  let state: 'starting' | 'serving' | 'stopping' = 'starting'
  const isServing = (): boolean => state === 'serving' && sharedSockets?.isServing() !== false
  const marks = createReportMarks()
  const handlers = createHandlers(built, { tcp: () => tcp, isServing, marks })
  const streams = brokerStreams({
    logs: log,
    services: admin,
    reports: built.accounting.reports,
    marks,
    isMother: config.isMother,
    version: VERSION,
  })
  const { bearerVerifier } = storage
  const parts = {
    config,
    clock,
    log,
    services: admin,
    http,
    replay,
    handlers,
    streams,
    metrics,
    sockets,
    tools,
    bearerVerifier,
    drainTimer,
    isServing,
  }
  if (config.workers === 1) tcp = stack.use(await openListeners(parts)).tcp
  else {
    const { openClusteredListeners } = await loadWorkers()
    const clustered = stack.use(
      await openClusteredListeners({ ...parts, flags, broadcast, state: workerState(built) }),
    )
    sharedSockets = clustered
    tcp = clustered.tcp
  }
  state = 'serving'
  stack.defer(() => {
    state = 'stopping'
  })
  return tcp
}

/**
 * Reads the secrets file, the models file and the file of MCP servers again; resolves when every process has applied them.
 * Throws what is wrong with any of them, after the others are applied. Returns the variables whose change takes effect at the
 * next start only.
 */
export async function reloadConfiguration(
  { providers, services, broadcast }: Pick<BuiltDaemon, 'providers' | 'services' | 'broadcast'>,
  options?: ReloadOptions,
): Promise<readonly string[]> {
  const [reloaded, toolProblem] = await Promise.all([
    providers.registry.reload(options).catch((error: unknown) => asBrokerError(error)),
    services.tools.configured?.reloadConfig(options),
  ])
  providers.mothers.reload()
  await Promise.all([broadcast.registrySent(), broadcast.send('tool-policies')])
  if (!(reloaded instanceof BrokerError) && toolProblem === undefined) return reloaded
  if (!(reloaded instanceof BrokerError)) throw new BrokerError('bad-request', toolProblem ?? '')
  if (toolProblem === undefined) throw reloaded
  throw new BrokerError('bad-request', `${reloaded.message}\n${toolProblem}`)
}

/** The current state of each topic that workers need. */
function workerState({ storage, accounting, providers, services }: BuiltDaemon): WorkerPoolParts['state'] {
  return {
    registry: () => providers.registry.state(),
    rules: () => accounting.limitStore.list(),
    tokens: () => storage.tokens.stored(),
    'tool-policies': () => services.tools.configured?.policies ?? [],
  }
}

/** Not in a function with `using`: there tsc (6.0) leaves the `.ts` of an import as it is. */
const loadWorkers = () => import('../workers/primary/clustered-listeners.ts')

/** The methods of the RPC contract, on what the daemon has built. */
function createHandlers(
  built: BuiltDaemon,
  listeners: {
    readonly tcp: () => TcpAddress | undefined
    readonly isServing: () => boolean
    readonly marks: ReportMarks
  },
): Handlers {
  const { instance, storage, accounting, providers, services, broadcast } = built
  const { config, clock, log, sockets, warnings, startedAt } = instance
  const { registry, priorities } = providers
  return brokerHandlers({
    services: services.admin,
    reports: accounting.reports,
    http: services.http,
    rules: broadcastingRules(accounting.limitStore, () => broadcast.send('rules')),
    tokens: broadcastingTokens(storage.tokens, () => broadcast.send('tokens')),
    version: VERSION,
    uptimeMs: () => clock.monotonic() - startedAt,
    isMother: config.isMother,
    mothers: providers.mothers,
    leases: accounting.leases,
    heldLeases: providers.heldLeases,
    settingsStore: { location: providers.settings.store.location, accept: providers.settings.accept },
    reconciling: reconcileParts(accounting.ledger, providers),
    sockets: [sockets.rest, sockets.rpc, sockets.web],
    ...listeners,
    dataDir: config.dataDir,
    modelsPath: config.modelsConfigPath,
    problems: () => registry.problems(),
    leavesOut: () => registry.leavesOut(),
    hostWarnings: () => [
      ...[providers.settings.notice()].filter((notice) => notice !== undefined),
      ...warnings.current(),
      ...toolWarnings(services.tools),
    ],
    knownProviders: () => registry.known(),
    priorities,
    metrics: services.metrics,
    logs: log,
    settings: () => config.effective,
    contextSockets: config.contextSockets,
    rollsUp: config.rollsUp,
    signingKeyPath: join(config.dataDir, SIGNING_KEY_FILE),
    reload: (options) => reloadConfiguration(built, options),
  })
}

/** What is wrong with the MCP file; servers that are down are no fault of the configuration. */
function toolWarnings({ configured }: McpTools): readonly string[] {
  return configured?.configProblems() ?? []
}
