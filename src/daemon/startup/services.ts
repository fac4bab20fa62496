import { createConcurrencyLimit } from '../../inference/admission/concurrency-limit.ts'
import { createHedgePolicy } from '../../inference/admission/hedge-budget.ts'
import { createInFlight } from '../../inference/admission/in-flight.ts'
import { createResponseCache } from '../../inference/replay/response-cache.ts'
import { createIdempotencyStore } from '../../inference/replay/idempotency.ts'
import { createUpstreamIds } from '../../inference/response/upstream-ids.ts'
import type { Services } from '../../inference/services/services.ts'
import { DEFAULT_LIMITS } from '../../providers/transport/timeouts.ts'
import { createCachedRoute } from '../../routing/plan-cache.ts'
import { OPEN_FILES_EXHAUSTED, OPEN_FILES, type Warnings } from '../../runtime/warnings.ts'
import type { EndpointStats } from '../../telemetry/endpoint-stats.ts'
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts'
import { openMcpTools, type McpTools } from '../services/mcp-tools.ts'
import type { DaemonAccounting } from './accounting.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonProviders } from './providers.ts'
import type { DaemonStorage } from './storage.ts'

export interface DaemonServices {
  /** The services that requests are executed with. */
  readonly inference: Services
  readonly tools: McpTools
  readonly metrics: Metrics
}

/** Step 4: builds the services that inference needs, MCP tools among them. */
export async function buildServices(
  instance: DaemonInstance,
  { store }: DaemonStorage,
  { ledger, limits, tokenCounter, endpointStats }: DaemonAccounting,
  { registry, health }: DaemonProviders,
): Promise<DaemonServices> {
  const { config, clock, log, warnings, stack } = instance
  const metrics = createMetrics(clock)
  const tools = stack.use(
    await openMcpTools({ config, environment: process.env, clock, log, ledger, limits }),
  )
  const inference: Services = {
    catalog: () => registry.catalog(),
    providers: () => registry.providers(),
    route: createCachedRoute(),
    ledger,
    limits,
    tokenCounter,
    hangUp: config.hangUp,
    hedgePolicy: createHedgePolicy(endpointStats, config.hedgePercent),
    inFlight: createInFlight(),
    responseCache: createResponseCache(clock),
    idempotency: createIdempotencyStore({ store, clock, keepMs: config.keepResponsesMs }),
    concurrencyLimit: createConcurrencyLimit(config.maxOpenRequests),
    endpointStats: withMetrics(endpointStats, metrics, warnings),
    upstreamIds: createUpstreamIds({ store, clock, keepDays: config.keepDays }),
    modelLists: registry.lists,
    routerEndpoints: registry.lists,
    clock,
    strategy: config.routingStrategy,
    health,
    tools: tools.configured,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeouts },
    attribution: config.attribution,
  }
  return { inference, tools, metrics }
}

/** An admitted request fails with this code only when the process is out of file descriptors. */
const OUR_LIMIT = /^overloaded:/

/** Endpoint statistics that also count each settlement in the metrics, and warn when file descriptors run out. */
function withMetrics(endpointStats: EndpointStats, metrics: Metrics, warnings: Warnings): EndpointStats {
  return {
    ...endpointStats,
    record(settlement) {
      endpointStats.record(settlement)
      metrics.record(settlement)
      if (settlement.error !== undefined && OUR_LIMIT.test(settlement.error))
        warnings.raise(OPEN_FILES, OPEN_FILES_EXHAUSTED)
    },
  }
}
