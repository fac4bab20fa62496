import type { RouterEndpoint } from './sources/router-endpoints.ts'

/** The lists of models that providers publish. */
export interface ModelLists {
  /** Fetches all of them now; whoever asks while that goes on gets the same answer. Never rejects. */
  refresh(): Promise<readonly Refreshed[]>
  /** Whether they are also fetched without being asked: at the start and every hour. */
  readonly isAutomatic: boolean
  /** How each stands, as far as one was fetched or taken from its kept copy. */
  standing(): readonly ListStanding[]
  /** OpenRouter's own endpoints of a model (`author/slug`), as its wire has them; none when it can't be asked. Never rejects. */
  endpointsOf(slug: string): Promise<readonly object[]>
  /** Those of them that were fetched before, for routing; `undefined` while they aren't known. */
  known(slug: string): readonly RouterEndpoint[] | undefined
}

export interface CatalogueRefresh {
  /** How many models came of it. */
  readonly models: number
  /** Why the last good list stays in use. */
  readonly problem?: string | undefined
}

export interface Refreshed extends CatalogueRefresh {
  readonly provider: string
}

/** The list of one provider. Times are milliseconds since the epoch. */
export interface ListStanding {
  readonly provider: string
  /** How many models the list in use has; 0 when there is none. */
  readonly models: number
  /** When the list in use was fetched. */
  readonly fetchedAt: number | undefined
  /** When it was last asked for, and why that came to nothing. */
  readonly triedAt: number | undefined
  readonly problem: string | undefined
}
