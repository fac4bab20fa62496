import type { Catalog, Model } from '../../catalog/catalog.ts'
import { readModelsFile, type ModelsFile } from '../../catalog/models-file.ts'
import { withModels } from '../../catalog/with-models.ts'

/** The models file and what this host adds to it; the catalogue is swapped as a whole when either changes. */
export interface LiveModels {
  file(): ModelsFile
  catalog(): Catalog
  /** What is wrong with the file since it was last taken up. */
  problems(): readonly string[]
  take(file: ModelsFile): void
  add(found: readonly Model[]): void
  problem(message: string): void
}

/** Reads the file, to which `added` is put. Throws what is wrong with it. */
export function createLiveModels(path: string, added: readonly Model[]): LiveModels {
  let file = readModelsFile(path)
  let extra = added
  let catalog = withModels(file.catalog, extra)
  let problems: readonly string[] = []
  return {
    file: () => file,
    catalog: () => catalog,
    problems: () => problems,
    take(next) {
      file = next
      catalog = withModels(file.catalog, extra)
      problems = []
    },
    add(found) {
      extra = [...extra, ...found]
      catalog = withModels(file.catalog, extra)
    },
    problem(message) {
      problems = [message]
    },
  }
}
