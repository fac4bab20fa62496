import type { UploadSpool } from '../../runtime/upload-spool.ts'
import type { Clock } from '../../base/clock.ts'
import type { LeaseTaker } from '../../cascade/leases/lease-holders.ts'
import type { Hop } from '../../cascade/hop/read-hop.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { RefusedRequests } from '../../ledger/usage/refused-requests.ts'
import type { Restriction } from '../../limits/limit-rule.ts'
import type { Leases } from '../../limits/leases/leases.ts'
import type { Limits } from '../../limits/limits.ts'
import type { HealthRegistry } from '../../providers/health/endpoint-health.ts'
import type { McpGateway } from '../../mcp/mcp-gateway.ts'
import type { Provider } from '../../providers/provider.ts'
import type { EndpointStats } from '../../telemetry/endpoint-stats.ts'
import type { RoutingInput } from '../../routing/endpoint-candidate.ts'
import type { route } from '../../routing/route.ts'
import type { TimeLimits } from '../../providers/transport/timeouts.ts'
import type { Strategy } from '../../routing/resolve-model.ts'
import type { ChatRequest } from '../../wire/openai/chat.ts'
import type { ConcurrencyLimit } from '../admission/concurrency-limit.ts'
import type { RefusalCounter } from '../admission/refusal-counter.ts'
import type { ResponseCache } from '../replay/response-cache.ts'
import type { ResponseStore } from '../replay/response-store.ts'
import type { Accounting, RequestAccounting } from '../budget/accounting.ts'
import type { HedgePolicy } from '../admission/hedge-budget.ts'
import type { ModelLists } from '../../catalog/model-lists.ts'
import { allowedBy } from './access-policy.ts'
import type { IdempotencyStore } from '../replay/idempotency.ts'
import type { InFlight } from '../admission/in-flight.ts'
import type { RequestContext } from '../request/inference-request.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { TokenCounter } from '../usage/token-counter.ts'
import type { UpstreamIds } from '../response/upstream-ids.ts'

/** `cut`: the connection is closed and the cost estimated. `drain`: the rest is read, for at most `forMs`, for the usage at its end. */
export type HangUpPolicy = { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }

/** What a request needs on its way, in the primary as in a worker. A reload replaces the catalog and the providers. */
export interface InferenceServices {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  /** Selects the candidates of a request. */
  readonly route: typeof route
  readonly strategy: Strategy
  /** The endpoints behind a router; without it routing trusts what routers state. */
  readonly routerEndpoints?: Pick<ModelLists, 'endpointsOf' | 'cachedEndpointsOf'> | undefined
  readonly endpointStats: EndpointStats
  /** The limits and the ledger. */
  readonly accounting: Accounting
  /** Counts the requests that are refused without a row; without it they are not counted. */
  readonly refusals?: RefusalCounter | undefined
  /** Knows which endpoints have just had their circuit opened. */
  readonly health: Pick<HealthRegistry, 'isOnTrial'>
  readonly inFlight: InFlight
  readonly upstreamIds: UpstreamIds
  readonly clock: Clock
  /** The maximum duration of a whole request, over all attempts; by default that of `DEFAULT_LIMITS`. */
  readonly timeLimits?: Pick<TimeLimits, 'wholeMs'> | undefined
  /** When a second endpoint may be tried beside a slow one; without it never. */
  readonly hedgePolicy?: HedgePolicy | undefined
  /** Counts the tokens of responses without reported usage; without it they have bounds only. */
  readonly tokenCounter?: TokenCounter | undefined
  /** What happens to a response whose caller left, at a provider that goes on billing. */
  readonly hangUp: HangUpPolicy
  /** What this broker is in a cascade; without it a request neither comes from a broker nor goes to one. */
  readonly cascade?: CascadeServices | undefined
  /** The attribution headers for callers that send none. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
  /** Runs chats with the tools of the MCP servers; absent when none are configured. */
  readonly toolChats?: ToolChats | undefined
}

/** This broker in a cascade. */
export interface CascadeServices {
  readonly brokerId: string
  /** How many brokers above this one a request may pass that begins here. */
  readonly maxHops: number
  /** How many attempts at providers it may cause, over all brokers. */
  readonly maxAttempts: number
  /** Its leases at brokers above; absent in workers, which forward what needs one. */
  readonly leases?: LeaseTaker | undefined
}

/** Chats in which the broker runs the tools that the model calls. */
export interface ToolChats {
  /** The tools that every chat of this caller gets. */
  chatTools(caller: Caller): readonly string[]
  run(
    request: ChatRequest,
    context: RequestContext,
    sink: ResponseSink,
    services: InferenceServices,
  ): Promise<void>
}

/** What admits requests to the HTTP servers, before their bodies are read. */
export interface HttpServices {
  readonly concurrencyLimit: ConcurrencyLimit
  /** Keeps the files of requests; absent in workers, which forward forms to the primary. */
  readonly uploads?: UploadSpool | undefined
}

/** Where responses are kept for repeats: in the primary alone, to which workers forward the requests that name them. */
export interface ReplayServices {
  readonly idempotency: IdempotencyStore
  /** Responses that their callers wanted to be cached; without it none are. */
  readonly responseCache?: ResponseCache | undefined
  /** Responses that callers may name later. */
  readonly responses: ResponseStore
  /** Accounts for a response from the cache. */
  readonly accounting: RequestAccounting
  /** The rules of a caller, which apply to a repeat as to any request. */
  readonly limits: Pick<Limits, 'admit' | 'budgetStatus' | 'restrictionsFor'>
  /** Knows which endpoint gave a stored response. */
  readonly ledger: Pick<Ledger, 'find'>
}

/** What the account, model and administration APIs use besides what inference does: in the primary alone. */
export interface AdminServices extends InferenceServices {
  /** Requests that were refused without a row; without it none are known. */
  readonly refused?: Pick<RefusedRequests, 'counts'> | undefined
  readonly ledger: Ledger
  readonly limits: Limits
  /** The parts of budgets that brokers below may spend. */
  readonly leases?: Leases | undefined
  readonly modelLists: ModelLists
  /** How reliable endpoints have been. */
  readonly health: HealthRegistry
  /** Responses that callers may name later; without it none can be named. */
  readonly responses?: ResponseStore | undefined
  /** The tools of the MCP servers; absent when none are configured. */
  readonly tools?: McpGateway | undefined
}

/** The current input of routing, without what the caller may not use. */
export function routingInput(
  { catalog, providers, endpointStats, accounting, routerEndpoints }: InferenceServices,
  caller: Caller,
  hop?: Hop,
): RoutingInput {
  const reachable = hop?.hopsLeft === 0 ? withoutMothers(providers()) : providers()
  const restrictions = restrictionsOn(accounting, caller, hop)
  const allowed = allowedBy(catalog(), reachable, restrictions)
  return {
    catalog: allowed.catalog,
    providers: allowed.providers,
    performanceOf: endpointStats.of,
    routerEndpoints: routerEndpoints?.cachedEndpointsOf,
  }
}

/** The providers that a request may use which must not pass another broker. */
function withoutMothers(providers: ReadonlyMap<string, Provider>): ReadonlyMap<string, Provider> {
  return new Map([...providers].filter(([, { isMother }]) => isMother !== true))
}

/** The restrictions of a caller, and those that came with a request from a broker below. */
export function restrictionsOn(
  accounting: Accounting,
  caller: Caller,
  hop: Hop | undefined,
): readonly Restriction[] {
  const own = accounting.restrictionsFor(caller, hop?.lease)
  return hop?.policy === undefined ? own : [...own, hop.policy]
}
