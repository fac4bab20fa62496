import type { RouterEndpoint } from '../catalog/router-endpoints.ts'

/** The lists of models that providers publish. */
export interface ModelLists {
  /** Fetches all of them now; whoever asks while that goes on gets the same answer. Never rejects. */
  refresh(): Promise<readonly Refreshed[]>
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
