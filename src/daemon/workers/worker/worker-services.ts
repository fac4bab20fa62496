import type { Clock } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import { createConcurrencyLimit } from '../../../inference/admission/concurrency-limit.ts'
import { createEndpointStats } from '../../../telemetry/endpoint-stats.ts'
import { createHedgePolicy } from '../../../inference/admission/hedge-budget.ts'
import type { ModelLists } from '../../../catalog/model-lists.ts'
import type { IdempotencyStore } from '../../../inference/replay/idempotency.ts'
import type { Services } from '../../../inference/services/services.ts'
import { createInFlight } from '../../../inference/admission/in-flight.ts'
import type { TokenCounter } from '../../../inference/usage/token-counter.ts'
import type { Catalog } from '../../../catalog/catalog.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Config } from '../../../config/config.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import { createLimits, type Limits } from '../../../limits/limits.ts'
import { fixedLimits, type LimitStore } from '../../../limits/limit-store.ts'
import type { McpGateway } from '../../../mcp/mcp-gateway.ts'
import { createHealthRegistry } from '../../../providers/health/endpoint-health.ts'
import { DEFAULT_LIMITS } from '../../../providers/transport/timeouts.ts'
import { createCachedRoute } from '../../../routing/plan-cache.ts'
import { createConfiguredProviders } from '../../providers/configured-providers.ts'
import type { RegistryState } from '../../providers/provider-registry.ts'
import { createRemoteAccounting, type RemoteAccounting } from './remote-accounting-client.ts'
import type { FromWorker, StateUpdate } from '../ipc/ipc-messages.ts'
import { primaryOnlyProviders, forwardIfPrimaryOnly, standIn } from './primary-only.ts'

export interface WorkerServicesParts {
  readonly config: Config
  readonly clock: Clock
  readonly socketFolder: string
  readonly send: (message: FromWorker) => void
  readonly tools: McpGateway
  readonly tokenCounter: TokenCounter
}

/** The services of a worker: its own providers; catalog, limit rules and accounting of the primary. */
export interface WorkerServices {
  readonly services: Services
  readonly accounting: RemoteAccounting
  applyUpdate(update: Exclude<StateUpdate, { topic: 'tokens' }>): void
  close(): Promise<void>
}

const EMPTY: Catalog = { version: '', models: new Map(), endpoints: new Map() }

export function createWorkerServices(parts: WorkerServicesParts): WorkerServices {
  const { config, clock, send, tools, tokenCounter, socketFolder } = parts
  let catalog = EMPTY
  let primaryOnly: ReadonlySet<string> = new Set()
  let effectiveLimits = fixedLimits([])
  const limitStore: Pick<LimitStore, 'limitsFor'> = {
    limitsFor: (caller) => effectiveLimits.limitsFor(caller),
  }
  const health = createHealthRegistry({ clock })
  const providers = createConfiguredProviders({
    config,
    clock,
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
    primaryOnly = primaryOnlyProviders(state.settings)
    const found = state.builtIn.filter(({ id }) => !knownServers.has(id))
    for (const { id } of found) knownServers.add(id)
    rereadKeys(config, state)
    providers.add(found)
    providers.update(withoutServers(state.settings))
    catalog = state.catalog
  }

  const services: Services = {
    catalog: () => catalog,
    providers: () => providers.current(),
    route: createCachedRoute(),
    ledger: standIn<Ledger>({}, onlyInPrimary('the ledger')),
    limits: routingLimits(limitStore, clock),
    reserveRemotely: async (reservation) => {
      forwardIfPrimaryOnly(reservation.request, primaryOnly)
      return accounting.reserve(reservation)
    },
    tokenCounter,
    hangUp: config.hangUp,
    inFlight: createInFlight(),
    idempotency: standIn<IdempotencyStore>({}, onlyInPrimary('stored responses')),
    // Limits one worker; the primary limits all of them together.
    concurrencyLimit: createConcurrencyLimit(config.maxOpenRequests),
    endpointStats,
    hedgePolicy: createHedgePolicy(endpointStats, config.hedgePercent),
    upstreamIds: {
      add: (theirs, ours) => send({ type: 'upstream-id', theirs, ours }),
      resolve: (id) => id,
    },
    modelLists: standIn<ModelLists>({}, onlyInPrimary('model lists')),
    clock,
    strategy: config.routingStrategy,
    health,
    tools,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeouts },
    attribution: config.attribution,
  }
  return {
    services,
    accounting,
    applyUpdate(update) {
      if (update.topic === 'registry') applyRegistry(update.value)
      else effectiveLimits = fixedLimits(update.value)
    },
    close: () => providers.close(),
  }
}

/** Keys that can't be read are logged by the primary, which reads them as well. */
function rereadKeys(config: Config, { mayLoseMost }: RegistryState): void {
  try {
    config.rereadKeys({ mayLoseMost })
  } catch {
    // The previous keys stay in use.
  }
}

/** Only the restrictions on routing; the primary enforces rate limits and budgets. */
function routingLimits(limitStore: Pick<LimitStore, 'limitsFor'>, clock: Clock): Limits {
  const ledger = standIn<Ledger>({}, onlyInPrimary('balances'))
  const limits = createLimits({ rules: limitStore, ledger, clock })
  return standIn<Limits>(
    { restrictionsFor: (caller) => limits.restrictionsFor(caller) },
    onlyInPrimary('limits'),
  )
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

function onlyInPrimary(what: string): () => BrokerError {
  return () => new BrokerError('internal', `a worker can’t use ${what}: only the primary can`)
}
