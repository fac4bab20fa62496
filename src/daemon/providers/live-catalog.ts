import type { Catalog, Model } from '../../catalog/catalog.ts'
import { discoveredModels } from '../../catalog/sources/discovered-models.ts'
import { readModelsFile, type ModelsFile } from '../../catalog/models-file/models-file.ts'
import type { ListedModel } from '../../catalog/sources/openrouter-listing.ts'
import { withListing } from '../../catalog/sources/with-listing.ts'
import { withModels, withPriorities } from '../../catalog/sources/merge.ts'

/** The models file and what this host adds to it; the catalogue is swapped as a whole when either changes. */
export interface LiveModels {
  file(): ModelsFile
  catalog(): Catalog
  /** What is wrong with the file since it was last taken up. */
  problems(): readonly string[]
  take(file: ModelsFile): void
  add(found: readonly Model[]): void
  /** Takes over what OpenRouter lists. */
  list(listed: readonly ListedModel[]): void
  listedCount(): number
  /** Takes over what a provider lists of its own; how many models of it are new. */
  discovered(provider: string, list: unknown): number
  problem(message: string): void
  /** Puts all endpoints of these providers at another priority than the file says. */
  prioritise(priorities: ReadonlyMap<string, number>): void
}

/** Reads the file, to which `added` is put, and tells of every new catalogue. Throws what is wrong with the file. */
export function createLiveModels(
  path: string,
  added: readonly Model[],
  onChange: () => void = () => undefined,
): LiveModels {
  let file = readModelsFile(path)
  let extra = added
  let listed: readonly ListedModel[] = []
  let found: ReadonlyMap<string, unknown> = new Map()
  let priorities: ReadonlyMap<string, number> = new Map()
  let catalog = build()
  let problems: readonly string[] = []

  function build(): Catalog {
    const known = withListing(withModels(file.catalog, extra), listed)
    const discovered = [...found].flatMap(([provider, list]) => discoveredModels(provider, list, known))
    return withPriorities(withModels(known, discovered), priorities)
  }

  function rebuild(): void {
    catalog = build()
    onChange()
  }

  return {
    file: () => file,
    catalog: () => catalog,
    problems: () => problems,
    take(next) {
      file = next
      problems = []
      rebuild()
    },
    list(next) {
      listed = next
      rebuild()
    },
    listedCount: () => listed.length,
    discovered(provider, list) {
      const before = catalog.models.size
      found = new Map([...found, [provider, list]])
      rebuild()
      return catalog.models.size - before
    },
    add(more) {
      extra = [...extra, ...more]
      rebuild()
    },
    problem(message) {
      problems = [message]
    },
    prioritise(next) {
      priorities = next
      rebuild()
    },
  }
}
