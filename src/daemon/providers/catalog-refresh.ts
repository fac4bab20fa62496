import { readFile, rename, writeFile } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import type { CatalogueRefresh, ListStanding, ModelLists, Refreshed } from '../../catalog/model-lists.ts'
import { readListing } from '../../catalog/sources/openrouter-listing.ts'
import { readRouterEndpoints, type RouterEndpoint } from '../../catalog/sources/router-endpoints.ts'
import type { Provider } from '../../providers/provider.ts'
import type { DaemonLog } from '../log.ts'
import type { LiveModels } from './live-catalog.ts'

const HOUR_MS = 3_600_000
const OPENROUTER = 'openrouter'
/** Without it OpenRouter lists only the models that answer in text. */
const ALL_MODELS = '/models?output_modalities=all'

export interface LiveCatalogueParts {
  readonly models: LiveModels
  readonly providers: () => ReadonlyMap<string, Provider>
  /** Where the last good copy of OpenRouter's list is kept. */
  readonly copyPath: string
  /** Also without being asked: at the start and every hour. */
  readonly isAutomatic: boolean
  readonly clock: Clock
  readonly log: DaemonLog
}

/** By provider. */
type Standings = Map<string, ListStanding>

/** The last good copy, as it lies on the disk. */
interface Copy {
  readonly fetchedAt: number
  readonly list: unknown
}

/**
 * Keeps the lists of models that providers publish, beside the models file: at once from the last good copy, then
 * fetched in the background, now and every hour. A list that can't be had or believed leaves the last good one.
 */
export function openLiveCatalogue(parts: LiveCatalogueParts): ModelLists & { close(): void } {
  const { clock, log, isAutomatic } = parts
  let running: Promise<readonly Refreshed[]> | undefined
  let cancel = (): void => undefined
  let isClosed = false
  const standings: Standings = new Map()

  const refresh = (): Promise<readonly Refreshed[]> =>
    (running ??= refreshAll(parts, standings).finally(() => (running = undefined)))

  const everyHour = (): void => {
    if (isClosed) return
    cancel = clock.after(HOUR_MS, () => void refresh().then(everyHour))
  }

  const start = (): Promise<void> =>
    takeCopy(parts, standings)
      .then(refresh)
      .catch((error: unknown) => log.error({ err: error }, 'the live catalogue could not be read'))
      .then(everyHour)
  if (isAutomatic) void start()
  return {
    refresh,
    isAutomatic,
    standing: () => [...standings.values()],
    ...(isAutomatic ? rememberEndpoints(parts) : NO_ENDPOINTS),
    close() {
      isClosed = true
      cancel()
    },
  }
}

type EndpointLists = Pick<ModelLists, 'endpointsOf' | 'known'>

const NO_ENDPOINTS: EndpointLists = { endpointsOf: async () => [], known: () => undefined }

/** Callers can name any model. */
const MOST_REMEMBERED = 512

interface FetchedEndpoints {
  readonly at: number
  readonly rows: Promise<readonly object[]>
  /** Set once they are there and make sense. */
  read?: readonly RouterEndpoint[] | undefined
}

/** Fetched when somebody first wants them, and again after an hour. */
function rememberEndpoints(parts: LiveCatalogueParts): EndpointLists {
  const { clock } = parts
  const fetched = new Map<string, FetchedEndpoints>()
  const fresh = (slug: string): FetchedEndpoints | undefined => {
    const found = fetched.get(slug)
    return found !== undefined && clock.monotonic() - found.at < HOUR_MS ? found : undefined
  }
  return {
    endpointsOf(slug) {
      const before = fresh(slug)
      if (before !== undefined) return before.rows
      const rows = fetchEndpoints(slug, parts)
      const entry: FetchedEndpoints = { at: clock.monotonic(), rows }
      void rows.then((all) => (entry.read = readRouterEndpoints(all, dayOf(clock.now()))))
      fetched.delete(slug)
      fetched.set(slug, entry)
      const [oldest] = fetched.keys()
      if (fetched.size > MOST_REMEMBERED && oldest !== undefined) fetched.delete(oldest)
      return rows
    },
    known: (slug) => fresh(slug)?.read,
  }
}

/** None when they can't be had. */
async function fetchEndpoints(
  slug: string,
  { providers, log }: LiveCatalogueParts,
): Promise<readonly object[]> {
  try {
    const path = `/models/${slug.split('/').map(encodeURIComponent).join('/')}/endpoints`
    return rowsOf(await providers().get(OPENROUTER)?.read?.(path))
  } catch (error) {
    log.warn({ model: slug, problem: asBrokerError(error).message }, 'its endpoints could not be had')
    return []
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function rowsOf(answer: unknown): readonly object[] {
  const rows = (answer as { data?: { endpoints?: unknown } } | undefined)?.data?.endpoints
  return Array.isArray(rows) ? rows.filter((row) => typeof row === 'object' && row !== null) : []
}

async function refreshAll(parts: LiveCatalogueParts, standings: Standings): Promise<readonly Refreshed[]> {
  const readable = [...parts.providers().values()].filter(
    ({ read, isStandIn }) => read !== undefined && !isStandIn,
  )
  return Promise.all(readable.map((provider) => refreshOne(provider, parts, standings)))
}

async function refreshOne(
  provider: Provider,
  parts: LiveCatalogueParts,
  standings: Standings,
): Promise<Refreshed> {
  const triedAt = parts.clock.now()
  try {
    const take = provider.id === OPENROUTER ? takeListing : takeDiscovered
    const taken = await take(provider, parts)
    standings.set(provider.id, {
      provider: provider.id,
      models: taken.models,
      fetchedAt: triedAt,
      triedAt,
      problem: undefined,
    })
    return { provider: provider.id, ...taken }
  } catch (error) {
    const { message } = asBrokerError(error)
    parts.log.warn({ provider: provider.id, problem: message }, 'its list of models stays as it was')
    const before = standings.get(provider.id) ?? { models: 0, fetchedAt: undefined }
    standings.set(provider.id, { ...before, provider: provider.id, triedAt, problem: message })
    return { provider: provider.id, models: 0, problem: message }
  }
}

async function takeListing(provider: Provider, parts: LiveCatalogueParts): Promise<CatalogueRefresh> {
  const list = await provider.read?.(ALL_MODELS)
  const fetchedAt = parts.clock.now()
  const models = applyListing({ fetchedAt, list }, parts)
  await keepCopy({ fetchedAt, list }, parts.copyPath)
  return { models }
}

async function takeDiscovered(provider: Provider, parts: LiveCatalogueParts): Promise<CatalogueRefresh> {
  return { models: parts.models.discovered(provider.id, await provider.read?.('/models')) }
}

/** Throws when the list is absurd. */
function applyListing({ fetchedAt, list }: Copy, { models }: LiveCatalogueParts): number {
  const listed = readListing(list, { day: dayOf(fetchedAt), before: models.listedCount() })
  models.list(listed)
  return listed.length
}

async function takeCopy(parts: LiveCatalogueParts, standings: Standings): Promise<void> {
  const text = await readFile(parts.copyPath, 'utf8').catch(() => undefined)
  if (text === undefined) return
  try {
    const copy = JSON.parse(text) as Copy
    const models = applyListing(copy, parts)
    const kept = { models, fetchedAt: copy.fetchedAt, triedAt: undefined, problem: undefined }
    standings.set(OPENROUTER, { provider: OPENROUTER, ...kept })
  } catch (error) {
    parts.log.warn({ path: parts.copyPath, problem: String(error) }, 'the kept list of models is of no use')
  }
}

/** In one step, so that a crash leaves the old copy or the new one. */
async function keepCopy(copy: Copy, path: string): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(copy), { mode: 0o600 })
  await rename(`${path}.new`, path)
}
