import type { Clock } from '../../base/clock.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Limits } from '../../limits/limits.ts'
import type { HealthRegistry } from '../../providers/health/endpoint-health.ts'
import type { McpGateway } from '../../mcp/mcp-gateway.ts'
import type { Provider } from '../../providers/provider.ts'
import type { EndpointStats } from '../../telemetry/endpoint-stats.ts'
import type { RoutingInput } from '../../routing/endpoint-candidate.ts'
import type { route } from '../../routing/route.ts'
import type { TimeLimits } from '../../providers/transport/timeouts.ts'
import type { Strategy } from '../../routing/resolve-model.ts'
import type { ConcurrencyLimit } from '../admission/concurrency-limit.ts'
import type { ResponseCache } from '../replay/response-cache.ts'
import type { ReserveRemotely } from '../budget/accounting.ts'
import type { HedgePolicy } from '../admission/hedge-budget.ts'
import type { ModelLists } from '../../catalog/model-lists.ts'
import { allowedBy } from './access-policy.ts'
import type { IdempotencyStore } from '../replay/idempotency.ts'
import type { InFlight } from '../admission/in-flight.ts'
import type { TokenCounter } from '../usage/token-counter.ts'
import type { UpstreamIds } from '../response/upstream-ids.ts'

/** `cut`: the connection is closed and the cost estimated. `drain`: the rest is read, for at most `forMs`, for the usage at its end. */
export type HangUpPolicy = { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }

/** What the pipeline and the APIs use, as the daemon built it. A reload replaces the catalog and the providers. */
export interface Services {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  /** Selects the candidates of a request. */
  readonly route: typeof route
  readonly ledger: Ledger
  readonly limits: Limits
  readonly inFlight: InFlight
  readonly concurrencyLimit: ConcurrencyLimit
  readonly idempotency: IdempotencyStore
  /** Responses that their callers wanted to be cached; without it none are. */
  readonly responseCache?: ResponseCache | undefined
  readonly endpointStats: EndpointStats
  readonly upstreamIds: UpstreamIds
  readonly modelLists: ModelLists
  /** The endpoints behind a router; without it routing trusts what routers state. */
  readonly routerEndpoints?: Pick<ModelLists, 'known' | 'endpointsOf'> | undefined
  readonly clock: Clock
  readonly strategy: Strategy
  /** When a second endpoint may be tried beside a slow one; without it never. */
  readonly hedgePolicy?: HedgePolicy | undefined
  /** Present where the ledger is kept in another process, which every request consults first. */
  readonly reserveRemotely?: ReserveRemotely | undefined
  /** How reliable endpoints have been. */
  readonly health: HealthRegistry
  /** The tools of the MCP servers; absent when none are configured. */
  readonly tools?: McpGateway | undefined
  /** The maximum duration of a whole request, over all attempts; by default that of `DEFAULT_LIMITS`. */
  readonly timeLimits?: Pick<TimeLimits, 'wholeMs'> | undefined
  /** Counts the tokens of responses without reported usage; without it they have bounds only. */
  readonly tokenCounter?: TokenCounter | undefined
  /** What happens to a response whose caller left, at a provider that goes on billing. */
  readonly hangUp: HangUpPolicy
  /** The attribution headers for callers that send none. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
}

/** The current input of routing, without what the caller may not use. */
export function routingInput(
  { catalog, providers, endpointStats, limits, routerEndpoints }: Services,
  caller: Caller,
): RoutingInput {
  const here = { catalog: catalog(), providers: providers() }
  return {
    ...allowedBy(here, limits.restrictionsFor(caller)),
    performanceOf: endpointStats.of,
    routerEndpoints: routerEndpoints?.known,
  }
}
