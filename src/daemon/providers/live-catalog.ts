import { Current } from '../../base/current.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Catalog, Model } from '../../catalog/catalog.ts'
import { discoveredModels, listedModelCount } from '../../catalog/sources/discovered-models.ts'
import type { ModelsFile } from '../../catalog/models-file/models-file.ts'
import type { ListedModel } from '../../catalog/sources/openrouter-listing.ts'
import { withListing } from '../../catalog/sources/with-listing.ts'
import { withMothers, type MotherListing } from '../../catalog/sources/mother-models.ts'
import { withModels, withPriorities } from '../../catalog/sources/merge.ts'

/** The models file and what this host adds to it. The catalog is replaced as a whole when either changes. */
export interface LiveCatalog {
  file(): ModelsFile
  readonly catalog: () => Catalog
  /** What is wrong with the file since it was last applied. */
  problems(): readonly string[]
  /** Whether the entries with problems are left out; otherwise the last good copy of the file is in use. */
  leavesOut(): boolean
  /** Replaces the models file. */
  setFile(file: ModelsFile): void
  /** Adds models that were found on this host. */
  addModels(found: readonly Model[]): void
  /** Replaces the models of OpenRouter's list. */
  setListing(listed: readonly ListedModel[]): void
  listedCount(): number
  /** Replaces the models of a provider's own list. Returns how many it has; throws `upstream-failed` for one that is no list. */
  setDiscovered(provider: string, list: unknown): number
  /** Replaces the models of all mothers. */
  setMothers(listings: readonly MotherListing[]): void
  /** Reports a models file that was refused. */
  setProblem(message: string): void
  /** Overrides the file's priority of all endpoints of these providers. */
  setPriorities(priorities: ReadonlyMap<string, number>): void
}

/** The file with `added`; calls `onChange` after every change of the catalog. */
export function createLiveCatalog(
  file: ModelsFile,
  added: readonly Model[],
  onChange: () => void = () => undefined,
): LiveCatalog {
  return new MergedCatalog(file, added, onChange)
}

class MergedCatalog implements LiveCatalog {
  readonly #onChange: () => void
  #file: ModelsFile
  #added: readonly Model[]
  #listed: readonly ListedModel[] = []
  /** The raw model lists by provider. */
  #discovered: ReadonlyMap<string, unknown> = new Map()
  #priorities: ReadonlyMap<string, number> = new Map()
  #mothers: readonly MotherListing[] = []
  #problems: readonly string[]
  readonly #catalog: Current<Catalog>
  readonly catalog: () => Catalog

  constructor(file: ModelsFile, added: readonly Model[], onChange: () => void) {
    this.#file = file
    this.#problems = problemsOf(file)
    this.#added = added
    this.#onChange = onChange
    this.#catalog = new Current(this.#merge())
    this.catalog = this.#catalog.get
  }

  file(): ModelsFile {
    return this.#file
  }

  problems(): readonly string[] {
    return this.#problems
  }

  leavesOut(): boolean {
    return this.#file.leftOut !== undefined && this.#problems[0] === this.#file.leftOut
  }

  setFile(file: ModelsFile): void {
    this.#file = file
    this.#problems = problemsOf(file)
    this.#rebuild()
  }

  addModels(found: readonly Model[]): void {
    this.#added = [...this.#added, ...found]
    this.#rebuild()
  }

  setListing(listed: readonly ListedModel[]): void {
    this.#listed = listed
    this.#rebuild()
  }

  listedCount(): number {
    return this.#listed.length
  }

  setDiscovered(provider: string, list: unknown): number {
    const count = listedModelCount(list)
    if (count === undefined) throw new BrokerError('upstream-failed', `${provider} sent no list of models`)
    this.#discovered = new Map([...this.#discovered, [provider, list]])
    this.#rebuild()
    return count
  }

  setMothers(listings: readonly MotherListing[]): void {
    this.#mothers = listings
    this.#rebuild()
  }

  setProblem(message: string): void {
    this.#problems = [message]
  }

  setPriorities(priorities: ReadonlyMap<string, number>): void {
    this.#priorities = priorities
    this.#rebuild()
  }

  #rebuild(): void {
    this.#catalog.set(this.#merge())
    this.#onChange()
  }

  #merge(): Catalog {
    const known = withListing(withModels(this.#file.catalog, this.#added), this.#listed)
    const discovered = [...this.#discovered].flatMap(([provider, list]) =>
      discoveredModels(provider, list, known),
    )
    const offered = withMothers(withModels(known, discovered), this.#mothers)
    const catalog = withPriorities(offered, this.#priorities)
    const passThrough = [...this.#file.providers.values()].filter(({ models }) => models === 'any')
    if (passThrough.length === 0) return catalog
    return Object.freeze({ ...catalog, passThrough: new Set(passThrough.map(({ name }) => name)) })
  }
}

function problemsOf({ leftOut }: ModelsFile): readonly string[] {
  return leftOut === undefined ? [] : [leftOut]
}
