import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { createUploadSpool, type UploadSpool } from '../../runtime/upload-spool.ts'
import { createConcurrencyLimit } from '../../inference/admission/concurrency-limit.ts'
import { createHedgePolicy } from '../../inference/admission/hedge-budget.ts'
import { createInFlight } from '../../inference/admission/in-flight.ts'
import { createResponseStore } from '../../inference/replay/response-store.ts'
import { createResponseCache } from '../../inference/replay/response-cache.ts'
import { createIdempotencyStore } from '../../inference/replay/idempotency.ts'
import { createUpstreamIds } from '../../inference/response/upstream-ids.ts'
import { LocalAccounting } from '../../inference/budget/local-accounting.ts'
import { createToolChats } from '../../inference/chat-with-tools.ts'
import type {
  AdminServices,
  HttpServices,
  InferenceServices,
  ReplayServices,
} from '../../inference/services/services.ts'
import { resolveCharges } from '../cascade/charges.ts'
import { cascadeServices } from '../cascade/cascade-services.ts'
import { createCallerIdentity } from '../../mcp/policy/caller-identity.ts'
import { DEFAULT_LIMITS } from '../../providers/transport/timeouts.ts'
import { createCachedRoute } from '../../routing/plan-cache.ts'
import { OPEN_FILES_EXHAUSTED, OPEN_FILES } from '../../runtime/alarms/warnings.ts'
import { withMetrics } from '../../telemetry/record-settlement.ts'
import { reading } from '../../store/damage/damage.ts'
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts'
import { openMcpTools, type McpTools } from '../services/mcp-tools.ts'
import type { WorkerBroadcast } from '../workers/primary/worker-broadcast.ts'
import type { DaemonAccounting } from './accounting.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonProviders } from './providers.ts'
import type { DaemonStorage } from './storage.ts'

export interface DaemonServices {
  /** What requests are executed with, and what the other APIs use besides. */
  readonly admin: AdminServices
  readonly http: HttpServices
  readonly replay: ReplayServices
  readonly tools: McpTools
  readonly metrics: Metrics
}

/** Step 4: builds the services that inference needs, MCP tools among them. */
export async function buildServices(
  instance: DaemonInstance,
  { store, callerCredentials }: DaemonStorage,
  { ledger, limits, leases, refused, tokenCounter, endpointStats }: DaemonAccounting,
  providers: DaemonProviders,
  broadcast: WorkerBroadcast,
): Promise<DaemonServices> {
  const { config, clock, log, sockets, warnings, stack } = instance
  const { registry, health } = providers
  const metrics = createMetrics(clock)
  const tools = stack.use(
    await openMcpTools({
      config,
      environment: process.env,
      clock,
      log,
      ledger,
      limits,
      identity: createCallerIdentity({ credentials: callerCredentials, socketFolder: sockets.folder }),
      onPolicies: () => void broadcast.send('tool-policies'),
    }),
  )
  const { configured } = tools
  const accounting = new LocalAccounting(limits, ledger, leases)
  resolveCharges(instance, ledger, providers)
  const inference: InferenceServices = {
    catalog: registry.catalog,
    providers: registry.providers,
    route: createCachedRoute(),
    strategy: config.routingStrategy,
    routerEndpoints: registry.lists,
    endpointStats: withMetrics(endpointStats, metrics, () =>
      warnings.raise(OPEN_FILES, OPEN_FILES_EXHAUSTED),
    ),
    accounting,
    refusals: refused,
    health,
    inFlight: createInFlight(),
    upstreamIds: reading(store.path, () => createUpstreamIds({ store, clock, keepDays: config.keepDays })),
    clock,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeouts },
    hedgePolicy: createHedgePolicy(endpointStats, config.hedgePercent),
    tokenCounter,
    hangUp: config.hangUp,
    cascade: cascadeServices(config, providers.heldLeases),
    attribution: config.attribution,
    toolChats: configured === undefined ? undefined : createToolChats(configured, ledger),
  }
  const responses = createResponseStore({ clock, keepMs: config.keepNamedResponsesMs })
  return {
    admin: {
      ...inference,
      ledger,
      responses,
      limits,
      leases,
      refused,
      modelLists: registry.lists,
      health,
      tools: configured,
    },
    http: { concurrencyLimit: createConcurrencyLimit(config.maxOpenRequests), uploads: uploadsOf(config) },
    replay: {
      idempotency: reading(store.path, () =>
        createIdempotencyStore({ store, clock, keepMs: config.keepResponsesMs }),
      ),
      responseCache: createResponseCache(clock),
      responses,
      accounting,
      limits,
      ledger,
    },
    tools,
    metrics,
  }
}

function uploadsOf({ dataDir, uploadLimitBytes, spoolLimitBytes }: Config): UploadSpool {
  const limits = { maxFileBytes: uploadLimitBytes, maxTotalBytes: spoolLimitBytes }
  return createUploadSpool({ folder: join(dataDir, 'uploads'), ...limits })
}
