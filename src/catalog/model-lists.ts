import type { RouterEndpoint } from './sources/router-endpoints.ts'

/** Fetches the lists of models that providers publish. */
export interface ModelLists {
  /** Fetches all lists now; a call during a refresh shares its result. Never rejects. */
  refresh(): Promise<readonly RefreshedList[]>
  /** Whether the lists are also fetched automatically: at the start and every hour. */
  readonly isAutomatic: boolean
  /** The state of each list that was fetched or loaded from its stored copy. */
  status(): readonly ModelListStatus[]
  /** Fetches OpenRouter's own endpoints of a model (`author/slug`), in its wire format; none when it is unavailable. Never rejects. */
  endpointsOf(slug: string): Promise<readonly object[]>
  /** The endpoints of a model that were fetched before, for routing; `undefined` while they are unknown. */
  cachedEndpointsOf(slug: string): readonly RouterEndpoint[] | undefined
}

/** The outcome of fetching one list. */
export interface CatalogueRefresh {
  /** How many models the list in use has. */
  readonly models: number
  /** Why the fetch failed; the last good list stays in use. */
  readonly problem?: string | undefined
}

export interface RefreshedList extends CatalogueRefresh {
  readonly provider: string
}

/** The state of one provider's list. Times are milliseconds since the epoch. */
export interface ModelListStatus {
  readonly provider: string
  /** How many models the list in use has; 0 when there is none. */
  readonly models: number
  /** When the list in use was fetched. */
  readonly fetchedAt: number | undefined
  /** When it was last requested, and why that failed. */
  readonly triedAt: number | undefined
  readonly problem: string | undefined
}
