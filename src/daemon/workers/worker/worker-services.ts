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

/** What a worker has to answer with: its own providers, the primary's catalogue, rules and books. */
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
    repeats: standIn<Repeats>({}, ofPrimary('kept answers')),
    // Each worker alone never has more; the primary counts those of all.
    admission: createAdmission(config.mostOpenRequests),
    figures,
    hedges: createHedges(figures, config.hedgePercent),
    upstreamIds: {
      note: (theirs, ours) => send({ type: 'upstream-id', theirs, ours }),
      ours: (id) => id,
    },
    lists: standIn<ModelLists>({}, ofPrimary('lists of models')),
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
      if (news.topic === 'supply') takeSupply(news.value)
      else bounds = boundsOfRules(news.value)
    },
    close: () => providers.close(),
  }
}

/** The primary has read them too, and told of it where they can't be used. */
function rereadKeys(config: Config): void {
  try {
    config.rereadKeys()
  } catch {
    // The keys of before stay.
  }
}

/** Only where requests may go; how many and for how much is the primary's to say. */
function limitsHere(rules: Pick<RuleBook, 'boundsOf'>, clock: Clock): Limits {
  const ledger = standIn<Ledger>({}, ofPrimary('balances'))
  const limits = createLimits({ rules, ledger, clock })
  return standIn<Limits>({ pinsOf: (caller) => limits.pinsOf(caller) }, ofPrimary('limits'))
}

/** They are started once, by the primary, which is passed on whatever might need them. */
function withoutServers(settings: SupplyState['settings']): ReadonlyMap<string, ProviderSetting> {
  return new Map([...settings].map(([name, setting]) => [name, withoutServer(setting)]))
}

/** Nobody asks at this address; that it is on this host counts for routing. */
const NEVER_ASKED = 'http://127.0.0.1:9/v1'

function withoutServer(setting: ProviderSetting): ProviderSetting {
  return setting.server === undefined ? setting : { ...setting, server: undefined, baseUrl: NEVER_ASKED }
}

function ofPrimary(what: string): () => BrokerError {
  return () => new BrokerError('internal', `a worker has no ${what} of its own`)
}
