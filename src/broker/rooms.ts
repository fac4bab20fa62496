import type { Clock } from '../base/clock.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { HealthBook } from '../providers/health.ts'
import type { ToolBroker } from '../mcp/tool-broker.ts'
import type { Provider } from '../providers/provider.ts'
import type { EndpointFiguresBook } from './endpoint-figures.ts'
import type { RouteSurroundings } from '../routing/offer.ts'
import type { TimeLimits } from '../providers/time-limits.ts'
import type { Strategy } from '../routing/resolve-model.ts'
import type { Admission } from './admission.ts'
import type { ModelLists } from './model-lists.ts'
import type { Repeats } from './repeats.ts'
import type { Running } from './running.ts'
import type { UpstreamIds } from './upstream-ids.ts'

/** The rooms below, as the daemon built them. The catalogue and the providers may be new ones after a reload. */
export interface Rooms {
  readonly catalog: () => Catalog
  readonly providers: () => ReadonlyMap<string, Provider>
  readonly ledger: Ledger
  readonly running: Running
  readonly admission: Admission
  readonly repeats: Repeats
  readonly figures: EndpointFiguresBook
  readonly upstreamIds: UpstreamIds
  readonly lists: ModelLists
  readonly clock: Clock
  readonly strategy: Strategy
  /** How endpoints have been doing. */
  readonly health: HealthBook
  /** The tools of the MCP servers; absent when none are configured. */
  readonly tools?: ToolBroker | undefined
  /** Bound on a whole request, over all attempts; the usual one unless said. */
  readonly limits?: Pick<TimeLimits, 'wholeMs'> | undefined
  /** What providers are told of callers that don't introduce their app. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
}

/** What routing looks at, as it is now. */
export function surroundingsOf({ catalog, providers, figures }: Rooms): RouteSurroundings {
  return { catalog: catalog(), providers: providers(), figuresOf: figures.of }
}
