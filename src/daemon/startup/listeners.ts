import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Flags } from '../../config/config.ts'
import { ineffectiveSettings } from '../../config/effective-settings.ts'
import { brokerHandlers, brokerStreams } from '../../server/rpc/handlers/index.ts'
import type { Handlers } from '../../server/rpc/calls/handler-types.ts'
import { VERSION } from '../../runtime/version.ts'
import type { McpTools } from '../services/mcp-tools.ts'
import { openListeners, type TcpAddress } from '../listeners/listeners.ts'
import { broadcastingRules, broadcastingTokens } from '../workers/primary/broadcast-changes.ts'
import type { WorkerBroadcast } from '../workers/primary/worker-broadcast.ts'
import type { DaemonAccounting } from './accounting.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonProviders } from './providers.ts'
import type { DaemonServices } from './services.ts'
import type { DaemonStorage } from './storage.ts'

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
  const { instance, storage, accounting, providers, services, broadcast } = built
  const { config, clock, log, sockets, stack } = instance
  const { inference, tools, metrics } = services
  let tcp: TcpAddress | undefined
  const handlers = createHandlers(built, () => tcp)
  const streams = brokerStreams({ logs: log })
  const { bearerVerifier } = storage
  const parts = {
    config,
    clock,
    log,
    services: inference,
    handlers,
    streams,
    metrics,
    sockets,
    tools,
    bearerVerifier,
  }
  if (config.workers === 1) {
    tcp = stack.use(await openListeners(parts)).tcp
    return tcp
  }
  const { openClusteredListeners } = await loadWorkers()
  const state = {
    registry: () => providers.registry.state(),
    rules: () => accounting.limitStore.list(),
    tokens: () => storage.tokens.stored(),
  }
  const clustered = stack.use(await openClusteredListeners({ ...parts, flags, state }))
  tcp = clustered.tcp
  broadcast.connect((topic) => clustered.broadcast(topic))
  return tcp
}

/** Not in a function with `using`: there tsc (6.0) leaves the `.ts` of an import as it is. */
const loadWorkers = () => import('../workers/primary/clustered-listeners.ts')

/** The methods of the RPC contract, on what the daemon has built. */
function createHandlers(built: BuiltDaemon, tcp: () => TcpAddress | undefined): Handlers {
  const { instance, storage, accounting, providers, services, broadcast } = built
  const { config, clock, log, sockets, warnings, startedAt } = instance
  const { registry, priorities } = providers
  return brokerHandlers({
    services: services.inference,
    rules: broadcastingRules(accounting.limitStore, () => broadcast.send('rules')),
    tokens: broadcastingTokens(storage.tokens, () => broadcast.send('tokens')),
    version: VERSION,
    uptimeMs: () => clock.monotonic() - startedAt,
    isMother: config.isMother,
    sockets: [sockets.rest, sockets.rpc, sockets.web],
    tcp,
    dataDir: config.dataDir,
    modelsPath: config.modelsConfigPath,
    problems: () => registry.problems(),
    hostWarnings: () => [
      ...ineffectiveSettings(config),
      ...warnings.current(),
      ...toolWarnings(services.tools),
    ],
    knownProviders: () => registry.known(),
    priorities,
    metrics: services.metrics,
    logs: log,
    settings: config.effective,
    contextSockets: config.contextSockets,
    rollsUp: config.rollsUp,
    reload: async (options) => {
      const [reloaded, toolProblem] = await Promise.all([
        registry.reload(options).catch((error: unknown) => asBrokerError(error)),
        services.tools.configured?.reloadConfig(options),
      ])
      await broadcast.registrySent()
      if (reloaded instanceof BrokerError && toolProblem === undefined) throw reloaded
      const problems = [reloaded instanceof BrokerError ? reloaded.message : undefined, toolProblem]
      if (problems.some((problem) => problem !== undefined))
        throw new BrokerError('bad-request', problems.filter((problem) => problem !== undefined).join('\n'))
      return reloaded instanceof BrokerError ? [] : reloaded
    },
  })
}

/** What is wrong with the MCP file; servers that are down are no fault of the configuration. */
function toolWarnings({ configured }: McpTools): readonly string[] {
  return configured?.configProblems() ?? []
}
