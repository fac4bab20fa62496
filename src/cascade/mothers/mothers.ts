import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import type { MotherListing } from '../../catalog/sources/mother-models.ts'
import type { SettingsRecord, SettingsStore } from '../../store/settings/settings-store.ts'
import { POLICY_VERSION } from '../hop/policy.ts'
import { createMotherDiscovery, type MotherDiscovery, type MotherStatus } from './mother-discovery.ts'
import { motherProviders, type MotherProvider } from './mother-provider.ts'
import { openMotherRegistry, type MotherRegistry } from './mother-registry.ts'
import type { Mother, MotherFields } from './mother.ts'

/** The brokers above this one, as routing uses them. */
export interface Mothers {
  list(): readonly Mother[]
  status(id: string): MotherStatus
  /** Registers a mother and waits a moment for her models. Rejects as `MotherRegistry.add` does. */
  add(fields: MotherFields): Promise<Mother>
  update(id: string, fields: MotherFields): Promise<Mother>
  remove(id: string): Promise<void>
  /** Stores a mother under this id, from an export. Rejects as `add` does. */
  put(id: string, record: SettingsRecord): Promise<void>
  /** Reads the tokens of environment variables again. */
  reload(): void
  close(): void
  /** Called when a mother is up that was not before. */
  onUp: () => void
}

export interface MothersParts {
  readonly settings: SettingsStore
  readonly clock: Clock
  readonly log: {
    warn(details: object, message: string): void
    info(details: object, message: string): void
  }
  /** Reads the token of an environment variable. */
  readonly tokenIn: (variable: string) => Secret | undefined
  /** Requests the list of models of a mother. */
  readonly fetchModels: (id: string) => Promise<unknown>
  readonly onProviders: (providers: readonly MotherProvider[]) => void
  readonly onModels: (listings: readonly MotherListing[]) => void
  /** Called with the mothers that are in use, at the start and after each change. */
  readonly onMothers: (mothers: readonly Mother[]) => void
}

/** How long `add` and `update` wait for the models of the mother, so that the next request finds them. */
const FIRST_LIST_MS = 1500

/** Loads the stored mothers and begins to ask for their models. A mother that is down delays nothing. */
export async function openMothers(parts: MothersParts): Promise<Mothers> {
  const mothers = new LiveMothers(parts)
  await mothers.open()
  return mothers
}

class LiveMothers implements Mothers {
  onUp: () => void = () => undefined
  readonly #parts: MothersParts
  readonly #discovery: MotherDiscovery
  readonly #lists = new Map<string, unknown>()
  readonly #attesting = new Set<string>()
  #registry: MotherRegistry | undefined

  constructor(parts: MothersParts) {
    this.#parts = parts
    const { clock, log, fetchModels } = parts
    const onModels = (id: string, list: unknown): void => this.#setList(id, list)
    this.#discovery = createMotherDiscovery({ clock, log, fetchModels, onModels })
  }

  async open(): Promise<void> {
    this.#registry = await openMotherRegistry(this.#parts.settings, {
      onChange: () => this.#apply(),
      onUnreadable: (id, error) =>
        this.#parts.log.warn({ mother: id, err: error }, 'the stored record of a mother can’t be used'),
    })
    if (this.list().length > 0) this.#apply()
  }

  list(): readonly Mother[] {
    return this.#registry?.list() ?? []
  }

  status(id: string): MotherStatus {
    return this.#discovery.status(id)
  }

  async add(fields: MotherFields): Promise<Mother> {
    return this.#whenListed(await this.#opened.add(fields))
  }

  async update(id: string, fields: MotherFields): Promise<Mother> {
    return this.#whenListed(await this.#opened.update(id, fields))
  }

  remove(id: string): Promise<void> {
    return this.#opened.remove(id)
  }

  async put(id: string, record: SettingsRecord): Promise<void> {
    await this.#opened.put(id, record)
  }

  reload(): void {
    if (this.list().length > 0) this.#apply()
  }

  close(): void {
    this.#discovery.close()
  }

  get #opened(): MotherRegistry {
    if (this.#registry === undefined) throw new Error('the mothers are not loaded yet')
    return this.#registry
  }

  async #whenListed(mother: Mother): Promise<Mother> {
    await this.#discovery.whenAsked(mother.id, FIRST_LIST_MS)
    return mother
  }

  #apply(): void {
    const mothers = this.list()
    this.#applyProviders()
    this.#parts.onMothers(mothers.filter(({ enabled }) => enabled))
    this.#applyLists()
    this.#discovery.follow(mothers.flatMap(({ id, enabled }) => (enabled ? id : [])))
  }

  #applyProviders(): void {
    const attests = (id: string): boolean => this.#attesting.has(id)
    this.#parts.onProviders(motherProviders(this.list(), this.#parts.tokenIn, attests))
  }

  #setList(id: string, list: unknown): void {
    const did = this.#attesting.has(id)
    if (listAttests(list)) this.#attesting.add(id)
    else if (list !== undefined) this.#attesting.delete(id)
    if (did !== this.#attesting.has(id)) this.#applyProviders()
    if (list === undefined) this.#lists.delete(id)
    else this.#lists.set(id, list)
    this.#applyLists()
    if (list !== undefined && this.status(id).state !== 'up') this.onUp()
  }

  #applyLists(): void {
    const listings = this.list().flatMap(({ id: provider, priority, enabled }) => {
      const list = this.#lists.get(provider)
      return list === undefined || !enabled ? [] : [{ provider, priority, list }]
    })
    this.#parts.onModels(listings)
  }
}

/** A mother that keeps to restrictions says so in each row of her list. */
function listAttests(list: unknown): boolean {
  const [first] =
    (list as { data?: readonly { x_aibroker?: { policy?: unknown } }[] } | undefined)?.data ?? []
  return first?.x_aibroker?.policy === POLICY_VERSION
}
