import { Current } from '../../../base/current.ts'
import type { Clock } from '../../../base/clock.ts'
import { createConcurrencyLimit } from '../../../inference/admission/concurrency-limit.ts'
import { createEndpointStats } from '../../../telemetry/endpoint-stats.ts'
import { createHedgePolicy } from '../../../inference/admission/hedge-budget.ts'
import type { HttpServices, InferenceServices, ToolChats } from '../../../inference/services/services.ts'
import { createInFlight } from '../../../inference/admission/in-flight.ts'
import type { TokenCounter } from '../../../inference/usage/token-counter.ts'
import type { Catalog } from '../../../catalog/catalog.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Config } from '../../../config/config.ts'
import { restrictionsOf } from '../../../limits/effective-limits.ts'
import { fixedLimits, type LimitStore } from '../../../limits/limit-store.ts'
import { createHealthRegistry } from '../../../providers/health/endpoint-health.ts'
import { DEFAULT_LIMITS } from '../../../providers/transport/timeouts.ts'
import { createCachedRoute } from '../../../routing/plan-cache.ts'
import { cascadeServices } from '../../cascade/cascade-services.ts'
import type { HttpClient } from '../../providers/http-client.ts'
import { createConfiguredProviders } from '../../providers/configured-providers.ts'
import type { RegistryState } from '../../providers/provider-registry.ts'
import { createRemoteAccounting, type RemoteAccounting } from './remote-accounting-client.ts'
import type { FromWorker, StateUpdate } from '../ipc/ipc-messages.ts'
import { primaryOnlyProviders, forwardIfPrimaryOnly } from './primary-only.ts'

export interface WorkerServicesParts {
  readonly config: Config
  readonly clock: Clock
  readonly httpClient: HttpClient
  readonly socketFolder: string
  readonly send: (message: FromWorker) => void
  readonly toolChats: ToolChats
  readonly tokenCounter: TokenCounter
}

/** The services of a worker: its own providers; catalog, limit rules and accounting of the primary. */
export interface WorkerServices {
  readonly services: InferenceServices
  readonly http: HttpServices
  readonly accounting: RemoteAccounting
  applyUpdate(update: Extract<StateUpdate, { topic: 'registry' | 'rules' }>): void
  close(): Promise<void>
}

const EMPTY: Catalog = { version: '', models: new Map(), endpoints: new Map() }

export function createWorkerServices(parts: WorkerServicesParts): WorkerServices {
  const { config, clock, httpClient, send, toolChats, tokenCounter, socketFolder } = parts
  const catalog = new Current(EMPTY)
  let primaryOnly: ReadonlySet<string> = new Set()
  let effectiveLimits = fixedLimits([])
  const limitStore: Pick<LimitStore, 'limitsFor'> = {
    limitsFor: (caller) => effectiveLimits.limitsFor(caller),
  }
  const health = createHealthRegistry({ clock })
  const providers = createConfiguredProviders({
    config,
    clock,
    httpClient,
    health,
    socketFolder,
    builtIn: [],
    onServerEvent: () => undefined,
    onCloseError: () => undefined,
  })
  const endpointStats = createEndpointStats(clock)
  const accounting = createRemoteAccounting({ send, rules: limitStore, clock })
  const knownServers = new Set<string>()

  function applyRegistry(state: RegistryState): void {
    primaryOnly = primaryOnlyProviders(state)
    const found = state.builtIn.filter(({ id }) => !knownServers.has(id))
    for (const { id } of found) knownServers.add(id)
    rereadKeys(config, state)
    providers.add(found)
    providers.update(withoutServers(state.settings))
    providers.setMothers(state.mothers)
    catalog.set(state.catalog)
  }

  const services: InferenceServices = {
    catalog: catalog.get,
    providers: providers.current,
    route: createCachedRoute(),
    strategy: config.routingStrategy,
    endpointStats,
    accounting: {
      restrictionsFor: (caller) => restrictionsOf(limitStore.limitsFor(caller)),
      begin(request, context, id, tokens, responseTokens) {
        forwardIfPrimaryOnly(request, primaryOnly)
        return accounting.reserve({ request, context, id, tokens, responseTokens })
      },
    },
    health,
    inFlight: createInFlight(),
    upstreamIds: {
      add: (theirs, ours) => send({ type: 'upstream-id', theirs, ours }),
      resolve: (id) => id,
    },
    refusals: { count: (caller, status) => send({ type: 'refusal', caller, status }) },
    clock,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeouts },
    hedgePolicy: createHedgePolicy(endpointStats, config.hedgePercent),
    tokenCounter,
    hangUp: config.hangUp,
    cascade: cascadeServices(config),
    attribution: config.attribution,
    toolChats,
  }
  // Limits one worker; the primary limits all of them together.
  const http = { concurrencyLimit: createConcurrencyLimit(config.maxOpenRequests) }
  return {
    services,
    http,
    accounting,
    applyUpdate(update) {
      if (update.topic === 'registry') applyRegistry(update.value)
      else effectiveLimits = fixedLimits(update.value)
    },
    close: () => providers.close(),
  }
}

/** Keys that can't be read are logged by the primary, which reads them as well. */
function rereadKeys(config: Config, { mayLoseMost, fromKeysCommand }: RegistryState): void {
  try {
    config.rereadKeys({ mayLoseMost, fromKeysCommand })
  } catch {
    // The previous keys stay in use.
  }
}

/** Managed servers are started once, by the primary, to which every request that might need them is forwarded. */
function withoutServers(settings: RegistryState['settings']): ReadonlyMap<string, ProviderSetting> {
  return new Map([...settings].map(([name, setting]) => [name, withoutServer(setting)]))
}

/** Never called. Routing only needs to see that the address is on this host. */
const UNREACHABLE_URL = 'http://127.0.0.1:9/v1'

function withoutServer(setting: ProviderSetting): ProviderSetting {
  return setting.server === undefined ? setting : { ...setting, server: undefined, baseUrl: UNREACHABLE_URL }
}
