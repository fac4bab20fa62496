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

/** `cut`: the connection is closed and the bill estimated. `drain`: the rest is read, so long, for the counts at its end. */
export type HangUp = { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }

/** The rooms below, as the daemon built them. The catalogue and the providers may be new ones after a reload. */
export interface Rooms {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  /** Decides whom to ask. */
  readonly route: typeof route
  readonly ledger: Ledger
  readonly limits: Limits
  readonly running: Running
  readonly admission: Admission
  readonly repeats: Repeats
  /** Answers that their callers asked to be kept; without it they are asked anew. */
  readonly answers?: AnswerCache | undefined
  readonly figures: EndpointFiguresBook
  readonly upstreamIds: UpstreamIds
  readonly lists: ModelLists
  /** What is known of the endpoints behind a router; without it routers are taken at their word. */
  readonly behind?: Pick<ModelLists, 'known' | 'endpointsOf'> | undefined
  readonly clock: Clock
  readonly strategy: Strategy
  /** When a second endpoint may be asked beside a slow one; without it never. */
  readonly hedges?: Hedges | undefined
  /** Where the books are kept in another process: asks there first, and answers the walk's questions from what it heard. */
  readonly bookAhead?: BookAhead | undefined
  /** How endpoints have been doing. */
  readonly health: HealthBook
  /** The tools of the MCP servers; absent when none are configured. */
  readonly tools?: ToolBroker | undefined
  /** Bound on a whole request, over all attempts; the usual one unless said. */
  readonly timeLimits?: Pick<TimeLimits, 'wholeMs'> | undefined
  /** Counts the tokens of a text nobody else counted; without it such answers have bounds only. */
  readonly tokenCounter?: TokenCounter | undefined
  /** What becomes of an answer whose caller left, at a provider that goes on billing. */
  readonly hangUp: HangUp
  /** What providers are told of callers that don't introduce their app. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
}

/** What routing looks at, as it is now; what a caller may not use isn't there. */
export function surroundingsOf(
  { catalog, providers, figures, limits, behind }: Rooms,
  caller: Caller,
): RouteSurroundings {
  const here = { catalog: catalog(), providers: providers() }
  return { ...pinned(here, limits.pinsOf(caller)), figuresOf: figures.of, behind: behind?.known }
}
