import { createAdmission } from '../../inference/admission/concurrency-limit.ts'
import { createHedges } from '../../inference/admission/hedge-budget.ts'
import { createRunning } from '../../inference/admission/in-flight.ts'
import { createAnswerCache } from '../../inference/replay/response-cache.ts'
import { createRepeats } from '../../inference/replay/idempotency.ts'
import { createUpstreamIds } from '../../inference/response/upstream-ids.ts'
import type { Rooms } from '../../inference/services/services.ts'
import { DEFAULT_LIMITS } from '../../providers/transport/timeouts.ts'
import { rememberingRoute } from '../../routing/plan-cache.ts'
import { NO_MORE_FILES, OPEN_FILES, type Alarms } from '../../runtime/warnings.ts'
import type { EndpointFiguresBook } from '../../telemetry/endpoint-stats.ts'
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts'
import { openTools, type Tools } from '../services/mcp-tools.ts'
import type { DaemonAccounting } from './accounting.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonProviders } from './providers.ts'
import type { DaemonStorage } from './storage.ts'

export interface DaemonServices {
  /** The services that requests are executed with. */
  readonly inference: Rooms
  readonly tools: Tools
  readonly metrics: Metrics
}

/** Step 4: builds the services that inference needs, MCP tools among them. Throws `bad-request` for a bad MCP file. */
export async function buildServices(
  instance: DaemonInstance,
  { store }: DaemonStorage,
  { ledger, limits, tokenCounter, figures }: DaemonAccounting,
  { registry, health }: DaemonProviders,
): Promise<DaemonServices> {
  const { config, clock, log, warnings, stack } = instance
  const metrics = createMetrics(clock)
  const tools = stack.use(await openTools({ config, environment: process.env, clock, log, ledger, limits }))
  const inference: Rooms = {
    catalog: () => registry.catalog(),
    providers: () => registry.providers(),
    route: rememberingRoute(),
    ledger,
    limits,
    tokenCounter,
    hangUp: config.hangUp,
    hedges: createHedges(figures, config.hedgePercent),
    running: createRunning(),
    answers: createAnswerCache(clock),
    repeats: createRepeats({ store, clock, keepMs: config.keepAnswersMs }),
    admission: createAdmission(config.mostOpenRequests),
    figures: withMetrics(figures, metrics, warnings),
    upstreamIds: createUpstreamIds({ store, clock, keepDays: config.keepDays }),
    lists: registry.lists,
    behind: registry.lists,
    clock,
    strategy: config.routingStrategy,
    health,
    tools: tools.configured,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeLimits },
    attribution: config.attribution,
  }
  return { inference, tools, metrics }
}

/** An admitted request fails with this code only when the process is out of file descriptors. */
const OUR_LIMIT = /^overloaded:/

/** Endpoint statistics that also count each settlement in the metrics, and warn when file descriptors run out. */
function withMetrics(figures: EndpointFiguresBook, metrics: Metrics, warnings: Alarms): EndpointFiguresBook {
  return {
    ...figures,
    note(settlement) {
      figures.note(settlement)
      metrics.note(settlement)
      if (settlement.error !== undefined && OUR_LIMIT.test(settlement.error))
        warnings.raise(OPEN_FILES, NO_MORE_FILES)
    },
  }
}
