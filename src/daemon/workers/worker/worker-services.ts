import type { Clock } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import { createAdmission } from '../../../inference/admission/concurrency-limit.ts'
import { createEndpointFigures } from '../../../telemetry/endpoint-stats.ts'
import { createHedges } from '../../../inference/admission/hedge-budget.ts'
import type { ModelLists } from '../../../catalog/model-lists.ts'
import type { Repeats } from '../../../inference/replay/idempotency.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { createRunning } from '../../../inference/admission/in-flight.ts'
import type { TokenCounter } from '../../../inference/usage/token-counter.ts'
import type { Catalog } from '../../../catalog/catalog.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Config } from '../../../config/config.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import { createLimits, type Limits } from '../../../limits/limits.ts'
import { boundsOfRules, type RuleBook } from '../../../limits/limit-store.ts'
import type { ToolBroker } from '../../../mcp/mcp-gateway.ts'
import { createHealthBook } from '../../../providers/health/endpoint-health.ts'
import { DEFAULT_LIMITS } from '../../../providers/transport/timeouts.ts'
import { rememberingRoute } from '../../../routing/plan-cache.ts'
import { createProviderSet } from '../../providers/configured-providers.ts'
import type { SupplyState } from '../../providers/provider-registry.ts'
import { createBooksElsewhere, type BooksElsewhere } from './remote-accounting-client.ts'
import type { FromWorker, News } from '../ipc/ipc-messages.ts'
import { providersOfThePrimary, refuseForeign, standIn } from './primary-only.ts'

export interface WorkerRoomsParts {
  readonly config: Config
  readonly clock: Clock
  readonly socketFolder: string
  readonly send: (message: FromWorker) => void
  readonly tools: ToolBroker
  readonly tokenCounter: TokenCounter
}

/** The services of a worker: its own providers; catalog, limit rules and accounting of the primary. */
export interface WorkerRooms {
  readonly rooms: Rooms
  readonly books: BooksElsewhere
  take(news: Exclude<News, { topic: 'tokens' }>): void
  close(): Promise<void>
}

const EMPTY: Catalog = { version: '', models: new Map(), endpoints: new Map() }

export function createWorkerRooms(parts: WorkerRoomsParts): WorkerRooms {
  const { config, clock, send, tools, tokenCounter, socketFolder } = parts
  let catalog = EMPTY
  let ofThePrimary: ReadonlySet<string> = new Set()
  let bounds = boundsOfRules([])
  const rules: Pick<RuleBook, 'boundsOf'> = { boundsOf: (caller) => bounds.boundsOf(caller) }
  const health = createHealthBook({ clock })
  const providers = createProviderSet({
    config,
    clock,
    health,
    socketFolder,
    builtIn: [],
    onServerEvent: () => undefined,
    onTrouble: () => undefined,
  })
  const figures = createEndpointFigures(clock)
  const books = createBooksElsewhere({ send, rules, clock })
  const known = new Set<string>()

  function takeSupply(state: SupplyState): void {
    ofThePrimary = providersOfThePrimary(state.settings)
    const found = state.builtIn.filter(({ id }) => !known.has(id))
    for (const { id } of found) known.add(id)
    rereadKeys(config)
    providers.add(found)
    providers.update(withoutServers(state.settings))
    catalog = state.catalog
  }

  const rooms: Rooms = {
    catalog: () => catalog,
    providers: () => providers.current(),
    route: rememberingRoute(),
    ledger: standIn<Ledger>({}, ofPrimary('the ledger')),
    limits: limitsHere(rules, clock),
    bookAhead: async (booking) => {
      refuseForeign(booking.errand, ofThePrimary)
      return books.bookAhead(booking)
    },
    tokenCounter,
    hangUp: config.hangUp,
    running: createRunning(),
    repeats: standIn<Repeats>({}, ofPrimary('stored responses')),
    // Limits one worker; the primary limits all of them together.
    admission: createAdmission(config.mostOpenRequests),
    figures,
    hedges: createHedges(figures, config.hedgePercent),
    upstreamIds: {
      note: (theirs, ours) => send({ type: 'upstream-id', theirs, ours }),
      ours: (id) => id,
    },
    lists: standIn<ModelLists>({}, ofPrimary('model lists')),
    clock,
    strategy: config.routingStrategy,
    health,
    tools,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeLimits },
    attribution: config.attribution,
  }
  return {
    rooms,
    books,
    take(news) {
      if (news.topic === 'registry') takeSupply(news.value)
      else bounds = boundsOfRules(news.value)
    },
    close: () => providers.close(),
  }
}

/** Keys that can't be read are logged by the primary, which reads them as well. */
function rereadKeys(config: Config): void {
  try {
    config.rereadKeys()
  } catch {
    // The previous keys stay in use.
  }
}

/** Only the restrictions on routing; the primary enforces rate limits and budgets. */
function limitsHere(rules: Pick<RuleBook, 'boundsOf'>, clock: Clock): Limits {
  const ledger = standIn<Ledger>({}, ofPrimary('balances'))
  const limits = createLimits({ rules, ledger, clock })
  return standIn<Limits>({ pinsOf: (caller) => limits.pinsOf(caller) }, ofPrimary('limits'))
}

/** Managed servers are started once, by the primary, to which every request that might need them is forwarded. */
function withoutServers(settings: SupplyState['settings']): ReadonlyMap<string, ProviderSetting> {
  return new Map([...settings].map(([name, setting]) => [name, withoutServer(setting)]))
}

/** Never called. Routing only needs to see that the address is on this host. */
const NEVER_ASKED = 'http://127.0.0.1:9/v1'

function withoutServer(setting: ProviderSetting): ProviderSetting {
  return setting.server === undefined ? setting : { ...setting, server: undefined, baseUrl: NEVER_ASKED }
}

function ofPrimary(what: string): () => BrokerError {
  return () => new BrokerError('internal', `a worker can’t use ${what}: only the primary can`)
}
