import type { Clock } from '../../base/clock.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Limits } from '../../limits/limits.ts'
import type { HealthBook } from '../../providers/health/endpoint-health.ts'
import type { ToolBroker } from '../../mcp/mcp-gateway.ts'
import type { Provider } from '../../providers/provider.ts'
import type { EndpointFiguresBook } from '../../telemetry/endpoint-stats.ts'
import type { RouteSurroundings } from '../../routing/endpoint-candidate.ts'
import type { route } from '../../routing/route.ts'
import type { TimeLimits } from '../../providers/transport/timeouts.ts'
import type { Strategy } from '../../routing/resolve-model.ts'
import type { Admission } from '../admission/concurrency-limit.ts'
import type { AnswerCache } from '../replay/response-cache.ts'
import type { BookAhead } from '../budget/accounting.ts'
import type { Hedges } from '../admission/hedge-budget.ts'
import type { ModelLists } from '../../catalog/model-lists.ts'
import { pinned } from './access-policy.ts'
import type { Repeats } from '../replay/idempotency.ts'
import type { Running } from '../admission/in-flight.ts'
import type { TokenCounter } from '../usage/token-counter.ts'
import type { UpstreamIds } from '../response/upstream-ids.ts'

/** `cut`: the connection is closed and the cost estimated. `drain`: the rest is read, for at most `forMs`, for the usage at its end. */
export type HangUp = { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }

/** What the pipeline and the APIs use, as the daemon built it. A reload replaces the catalog and the providers. */
export interface Rooms {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  /** Selects the candidates of a request. */
  readonly route: typeof route
  readonly ledger: Ledger
  readonly limits: Limits
  readonly running: Running
  readonly admission: Admission
  readonly repeats: Repeats
  /** Responses that their callers wanted to be cached; without it none are. */
  readonly answers?: AnswerCache | undefined
  readonly figures: EndpointFiguresBook
  readonly upstreamIds: UpstreamIds
  readonly lists: ModelLists
  /** The endpoints behind a router; without it routing trusts what routers state. */
  readonly behind?: Pick<ModelLists, 'known' | 'endpointsOf'> | undefined
  readonly clock: Clock
  readonly strategy: Strategy
  /** When a second endpoint may be tried beside a slow one; without it never. */
  readonly hedges?: Hedges | undefined
  /** Present where the ledger is kept in another process, which every request consults first. */
  readonly bookAhead?: BookAhead | undefined
  /** How reliable endpoints have been. */
  readonly health: HealthBook
  /** The tools of the MCP servers; absent when none are configured. */
  readonly tools?: ToolBroker | undefined
  /** The maximum duration of a whole request, over all attempts; by default that of `DEFAULT_LIMITS`. */
  readonly timeLimits?: Pick<TimeLimits, 'wholeMs'> | undefined
  /** Counts the tokens of responses without reported usage; without it they have bounds only. */
  readonly tokenCounter?: TokenCounter | undefined
  /** What happens to a response whose caller left, at a provider that goes on billing. */
  readonly hangUp: HangUp
  /** The attribution headers for callers that send none. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
}

/** The current input of routing, without what the caller may not use. */
export function surroundingsOf(
  { catalog, providers, figures, limits, behind }: Rooms,
  caller: Caller,
): RouteSurroundings {
  const here = { catalog: catalog(), providers: providers() }
  return { ...pinned(here, limits.pinsOf(caller)), figuresOf: figures.of, behind: behind?.known }
}
