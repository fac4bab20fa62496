import { rename, writeFile } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import { BoundedMap } from '../../base/collections/bounded-map.ts'
import { asBrokerError } from '../../base/errors.ts'
import { isFileAbsent, readRegularFile } from '../../files/read-file.ts'
import type {
  CatalogueRefresh,
  ModelListStatus,
  ModelLists,
  RefreshedList,
} from '../../catalog/model-lists.ts'
import { readListing } from '../../catalog/sources/openrouter-listing.ts'
import { readRouterEndpoints, type RouterEndpoint } from '../../catalog/sources/router-endpoints.ts'
import type { Provider } from '../../providers/provider.ts'
import type { DaemonLog } from '../log.ts'
import type { LiveCatalog } from './live-catalog.ts'

const HOUR_MS = 3_600_000
const OPENROUTER = 'openrouter'
/** The list had 2 MB in 2026; responses of providers are read up to the same size. */
const MAX_COPY_BYTES = 64 * 1024 * 1024
/** Without the query OpenRouter lists only the models that generate text. */
const ALL_MODELS = '/models?output_modalities=all'

export interface CatalogRefreshParts {
  readonly models: LiveCatalog
  readonly providers: () => ReadonlyMap<string, Provider>
  /** File of the last good copy of OpenRouter's list. */
  readonly copyPath: string
  /** Whether lists are fetched at the start and every hour, besides on request. */
  readonly isAutomatic: boolean
  readonly clock: Clock
  readonly log: DaemonLog
}

/** By provider. */
type ListStatuses = Map<string, ModelListStatus>

/** The last good copy, as it is stored in its file. */
interface Copy {
  readonly fetchedAt: number
  readonly list: unknown
}

/**
 * Keeps the model lists that providers publish, in addition to the models file: at once from the last good copy, then
 * fetched in the background, now and every hour. When a list can't be fetched or is implausible, the last good one stays.
 */
export function openCatalogRefresh(parts: CatalogRefreshParts): ModelLists & { close(): void } {
  return new CatalogRefresher(parts)
}

class CatalogRefresher implements ModelLists {
  readonly isAutomatic: boolean
  readonly #parts: CatalogRefreshParts
  readonly #statuses: ListStatuses = new Map()
  readonly #endpoints: EndpointLists
  #running: Promise<readonly RefreshedList[]> | undefined
  #schedule: { readonly state: 'open'; readonly cancel: () => void } | { readonly state: 'closed' } = {
    state: 'open',
    cancel: () => undefined,
  }

  constructor(parts: CatalogRefreshParts) {
    this.#parts = parts
    this.isAutomatic = parts.isAutomatic
    this.#endpoints = parts.isAutomatic ? new CachedEndpointLists(parts) : NO_ENDPOINTS
    if (parts.isAutomatic) void this.#start()
  }

  refresh(): Promise<readonly RefreshedList[]> {
    return (this.#running ??= refreshAll(this.#parts, this.#statuses).finally(
      () => (this.#running = undefined),
    ))
  }

  status(): readonly ModelListStatus[] {
    return [...this.#statuses.values()]
  }

  readonly endpointsOf: ModelLists['endpointsOf'] = (slug) => this.#endpoints.endpointsOf(slug)

  readonly cachedEndpointsOf: ModelLists['cachedEndpointsOf'] = (slug) =>
    this.#endpoints.cachedEndpointsOf(slug)

  close(): void {
    if (this.#schedule.state === 'open') this.#schedule.cancel()
    this.#schedule = { state: 'closed' }
  }

  async #start(): Promise<void> {
    try {
      loadCopy(this.#parts, this.#statuses)
      await this.refresh()
    } catch (error) {
      this.#parts.log.error({ err: error }, 'the model lists of the providers could not be read')
    }
    this.#scheduleNext()
  }

  #scheduleNext(): void {
    if (this.#schedule.state === 'closed') return
    const cancel = this.#parts.clock.after(
      HOUR_MS,
      () => void this.refresh().then(() => this.#scheduleNext()),
    )
    this.#schedule = { state: 'open', cancel }
  }
}

type EndpointLists = Pick<ModelLists, 'endpointsOf' | 'cachedEndpointsOf'>

const NO_ENDPOINTS: EndpointLists = { endpointsOf: async () => [], cachedEndpointsOf: () => undefined }

/** Callers can name any model, so the number of cached lists is bounded. */
const MAX_ENDPOINT_LISTS = 512

interface FetchedEndpoints {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly rows: Promise<readonly object[]>
  /** Set once the rows have arrived. */
  parsed?: readonly RouterEndpoint[] | undefined
}

/** OpenRouter's endpoints of a model: fetched on first use, and again after an hour. */
class CachedEndpointLists implements EndpointLists {
  readonly #parts: CatalogRefreshParts
  readonly #fetched = new BoundedMap<string, FetchedEndpoints>(MAX_ENDPOINT_LISTS)

  constructor(parts: CatalogRefreshParts) {
    this.#parts = parts
  }

  endpointsOf(slug: string): Promise<readonly object[]> {
    const cached = this.#fresh(slug)
    if (cached !== undefined) return cached.rows
    const { clock } = this.#parts
    const rows = fetchEndpoints(slug, this.#parts)
    const entry: FetchedEndpoints = { at: clock.monotonic(), rows }
    void rows.then((all) => (entry.parsed = readRouterEndpoints(all, dayOf(clock.now()))))
    this.#fetched.set(slug, entry)
    return rows
  }

  cachedEndpointsOf(slug: string): readonly RouterEndpoint[] | undefined {
    return this.#fresh(slug)?.parsed
  }

  #fresh(slug: string): FetchedEndpoints | undefined {
    const found = this.#fetched.get(slug)
    return found !== undefined && this.#parts.clock.monotonic() - found.at < HOUR_MS ? found : undefined
  }
}

/** Empty when the request fails. */
async function fetchEndpoints(
  slug: string,
  { providers, log }: CatalogRefreshParts,
): Promise<readonly object[]> {
  try {
    const path = `/models/${slug.split('/').map(encodeURIComponent).join('/')}/endpoints`
    return rowsOf(await providers().get(OPENROUTER)?.getJson?.(path))
  } catch (error) {
    log.warn(
      { model: slug, problem: asBrokerError(error).message },
      'the endpoints of the model could not be fetched',
    )
    return []
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function rowsOf(response: unknown): readonly object[] {
  const rows = (response as { data?: { endpoints?: unknown } } | undefined)?.data?.endpoints
  return Array.isArray(rows) ? rows.filter((row) => typeof row === 'object' && row !== null) : []
}

async function refreshAll(
  parts: CatalogRefreshParts,
  statuses: ListStatuses,
): Promise<readonly RefreshedList[]> {
  const readable = [...parts.providers().values()].filter(
    ({ getJson, isMock, isMother }) => getJson !== undefined && !isMock && isMother !== true,
  )
  return Promise.all(readable.map((provider) => refreshOne(provider, parts, statuses)))
}

async function refreshOne(
  provider: Provider,
  parts: CatalogRefreshParts,
  statuses: ListStatuses,
): Promise<RefreshedList> {
  const triedAt = parts.clock.now()
  try {
    const refresh = provider.id === OPENROUTER ? refreshListing : refreshDiscovered
    const refreshed = await refresh(provider, parts)
    statuses.set(provider.id, {
      provider: provider.id,
      models: refreshed.models,
      fetchedAt: triedAt,
      triedAt,
      problem: undefined,
    })
    return { provider: provider.id, ...refreshed }
  } catch (error) {
    const { message } = asBrokerError(error)
    parts.log.warn(
      { provider: provider.id, problem: message },
      'the list of models could not be refreshed; the last good one stays',
    )
    const before = statuses.get(provider.id) ?? { models: 0, fetchedAt: undefined }
    statuses.set(provider.id, { ...before, provider: provider.id, triedAt, problem: message })
    return { provider: provider.id, models: before.models, problem: message }
  }
}

async function refreshListing(provider: Provider, parts: CatalogRefreshParts): Promise<CatalogueRefresh> {
  const list = await provider.getJson?.(ALL_MODELS)
  const fetchedAt = parts.clock.now()
  const models = applyListing({ fetchedAt, list }, parts)
  await saveCopy({ fetchedAt, list }, parts.copyPath)
  return { models }
}

async function refreshDiscovered(provider: Provider, parts: CatalogRefreshParts): Promise<CatalogueRefresh> {
  return { models: parts.models.setDiscovered(provider.id, await provider.getJson?.('/models')) }
}

/** Throws when the list is implausible. */
function applyListing({ fetchedAt, list }: Copy, { models }: CatalogRefreshParts): number {
  const listed = readListing(list, { day: dayOf(fetchedAt), before: models.listedCount() })
  models.setListing(listed)
  return listed.length
}

function loadCopy(parts: CatalogRefreshParts, statuses: ListStatuses): void {
  try {
    const copy = JSON.parse(readRegularFile(parts.copyPath, MAX_COPY_BYTES)) as Copy
    const models = applyListing(copy, parts)
    const kept = { models, fetchedAt: copy.fetchedAt, triedAt: undefined, problem: undefined }
    statuses.set(OPENROUTER, { provider: OPENROUTER, ...kept })
  } catch (error) {
    if (!isFileAbsent(error))
      parts.log.warn({ path: parts.copyPath, problem: String(error) }, 'the kept list of models is of no use')
  }
}

/** Written to a second file and renamed, so that a crash leaves either the old copy or the new one. */
async function saveCopy(copy: Copy, path: string): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(copy), { mode: 0o600 })
  await rename(`${path}.new`, path)
}
