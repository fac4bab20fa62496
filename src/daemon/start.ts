import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { createTokenCounter } from '../inference/usage/token-counter.ts'
import { createAdmission } from '../inference/admission/concurrency-limit.ts'
import { createAnswerCache } from '../inference/replay/response-cache.ts'
import { createEndpointFigures, type EndpointFiguresBook } from '../telemetry/endpoint-stats.ts'
import { createHedges } from '../inference/admission/hedge-budget.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { createRepeats } from '../inference/replay/idempotency.ts'
import type { Rooms } from '../inference/services/services.ts'
import { createRunning } from '../inference/admission/in-flight.ts'
import { createUpstreamIds } from '../inference/response/upstream-ids.ts'
import type { Config, Flags } from '../config/config.ts'
import { createProviderPriorities, type ProviderPriorities } from '../config/provider-priorities.ts'
import { brokerHandlers, brokerStreams } from '../server/rpc/handlers/index.ts'
import { createAlarms, NO_MORE_FILES, OPEN_FILES, watchOpenFiles, type Alarms } from '../runtime/warnings.ts'
import { lockInstance } from '../runtime/instance-lock.ts'
import { createLogRing } from '../runtime/log-buffer.ts'
import { socketPaths, type SocketPaths } from '../runtime/socket-paths.ts'
import { createLedger, type Ledger } from '../ledger/ledger.ts'
import { createLimits } from '../limits/limits.ts'
import { openRuleBook } from '../limits/limit-store.ts'
import { createHealthBook } from '../providers/health/endpoint-health.ts'
import { startProbes } from '../providers/checks/health-probes.ts'
import { DEFAULT_LIMITS } from '../providers/transport/timeouts.ts'
import { rememberingRoute } from '../routing/plan-cache.ts'
import { openStore, type Store } from '../store/store.ts'
import { clearOldRows } from './services/row-retention.ts'
import type { DaemonLog } from './log.ts'
import { openDoors, refuseOpenTcp, type TcpAddress } from './listeners/listeners.ts'
import { openKeys } from './services/api-keys.ts'
import { openSupply, type Supply } from './providers/provider-registry.ts'
import { openTools } from './services/mcp-tools.ts'
import { VERSION } from '../runtime/version.ts'
import type { Topic } from './workers/ipc/ipc-messages.ts'
import { tellingRules, tellingTokens } from './workers/primary/broadcast-changes.ts'

export interface Daemon {
  readonly rooms: Rooms
  readonly sockets: SocketPaths
  readonly tcp: TcpAddress | undefined
  readonly modelsPath: string
  /** Lets open requests end within the bound, writes everything, removes the sockets. */
  close(): Promise<void>
}

/** How far back, and how many requests, the broker remembers how its providers did; few, for a start must be quick. */
const RECALLED_S = 30 * 60
const MOST_RECALLED = 1000

/** Builds the rooms from the ground up and opens the doors; `close` takes them down in reverse. */
export async function startDaemon(
  config: Config,
  clock: Clock,
  outerLog: DaemonLog,
  flags: Flags = {},
): Promise<Daemon> {
  refuseOpenTcp(config)
  const log = createLogRing({ clock, onward: outerLog })
  const startedAt = clock.monotonic()
  await using stack = new AsyncDisposableStack()
  const sockets = socketPaths(config.socketDir)
  stack.adopt(await lockInstance(sockets.folder), (lock) => lock.release())

  const alarms = createAlarms({ clock, log })
  stack.defer(watchOpenFiles(alarms, clock))
  const storePath = join(config.dataDir, 'requests.db')
  const onFull = ledgerAlarm(alarms)
  const store = stack.adopt(
    openStore({ path: storePath, clock, durability: 'power-safe-soon', onFull }),
    (open) => open.close(),
  )
  const ledger = createLedger({
    store,
    now: clock.now(),
    onUnsettled: ({ id }, error) =>
      log.error({ err: error, id }, 'a request could not be settled: its hold stays until the next start'),
  })
  const rules = openRuleBook(store, clock)
  const { tokens, gate } = openKeys(config, clock, stack)
  const stopClearing = clearOldRows({ ledger, clock, keepDays: config.keepDays }, (error) =>
    log.error({ err: error }, 'old rows of the ledger could not be cleared away'),
  )
  stack.defer(stopClearing)
  const tokenCounter = stack.adopt(createTokenCounter(clock), (counter) => counter.close())
  bookWhatWasLeftOpen(ledger, log)

  const figures = createEndpointFigures(clock)
  const since = Math.floor(clock.now() / 1000) - RECALLED_S
  figures.recall(ledger.entries({ limit: MOST_RECALLED, since }))

  // Workers are told what changed, once there are some.
  let tell = async (_topic: Topic): Promise<void> => undefined
  let supplyTold = Promise.resolve()
  const health = createHealthBook({ clock })
  const supply = stack.use(await openSupply({ config, clock, log, health, socketFolder: sockets.folder }))
  const { probeEveryMs: everyMs } = config
  if (everyMs !== undefined)
    stack.defer(startProbes({ providers: () => supply.providers(), health, clock, everyMs }))
  const priorities = livePriorities(store, supply, () => supplyTold)
  const metrics = createMetrics(clock)
  const limits = createLimits({ rules, ledger, clock })
  const tools = stack.use(await openTools({ config, environment: process.env, clock, log, ledger, limits }))
  const rooms: Rooms = {
    catalog: () => supply.catalog(),
    providers: () => supply.providers(),
    route: rememberingRoute(),
    ledger,
    limits,
    tokenCounter,
    hangUp: config.hangUp,
    hedges: createHedges(figures, config.hedgePercent),
    running: createRunning(),
    answers: createAnswerCache(clock),
    repeats: createRepeats({ store, clock, keepMs: config.keepAnswersMs }),
    admission: createAdmission(config.mostOpenRequests),
    figures: alsoCounting(figures, metrics, alarms),
    upstreamIds: createUpstreamIds({ store, clock, keepDays: config.keepDays }),
    lists: supply.lists,
    behind: supply.lists,
    clock,
    strategy: config.routingStrategy,
    health,
    tools: tools.configured,
    timeLimits: { ...DEFAULT_LIMITS, ...config.timeLimits },
    attribution: config.attribution,
  }
  let tcp: TcpAddress | undefined
  const handlers = brokerHandlers({
    rooms,
    ...(config.workers === 1
      ? { rules, tokens }
      : {
          rules: tellingRules(rules, () => tell('rules')),
          tokens: tellingTokens(tokens, () => tell('tokens')),
        }),
    version: VERSION,
    uptimeMs: () => clock.monotonic() - startedAt,
    isMother: config.isMother,
    sockets: [sockets.rest, sockets.rpc, sockets.web],
    tcp: () => tcp,
    dataDir: config.dataDir,
    modelsPath: config.modelsConfigPath,
    problems: () => supply.problems(),
    alarms: () => alarms.current(),
    knownProviders: () => supply.known(),
    priorities,
    metrics,
    logs: log,
    settings: config.effective,
    contextSockets: config.contextSockets,
    rollsUp: config.rollsUp,
    reload: async () => {
      const waiting = supply.reload()
      await supplyTold
      return waiting
    },
  })
  const streams = brokerStreams({ logs: log })
  const doorParts = { config, clock, log, rooms, handlers, streams, metrics, sockets, tools, gate }
  if (config.workers === 1) {
    tcp = stack.use(await openDoors(doorParts)).tcp
  } else {
    const { openDoorsWithWorkers } = await loadWorkers()
    const news = { supply: () => supply.state(), rules: () => rules.list(), tokens: () => tokens.kept() }
    const doors = stack.use(await openDoorsWithWorkers({ ...doorParts, flags, news }))
    tcp = doors.tcp
    tell = doors.tell
    supply.onChange = () => (supplyTold = tell('supply'))
  }
  const open = stack.move()
  return { rooms, sockets, tcp, modelsPath: config.modelsConfigPath, close: () => open.disposeAsync() }
}

/** Not in a function with `using`: there tsc (6.0) leaves the `.ts` of an import as it is. */
const loadWorkers = () => import('./workers/primary/clustered-listeners.ts')

/** What an administrator sets is kept and followed at once. */
function livePriorities(store: Store, supply: Supply, told: () => Promise<void>): ProviderPriorities {
  const priorities = createProviderPriorities(store)
  supply.prioritise(priorities.all())
  return {
    all: () => priorities.all(),
    async set(provider, priority) {
      await priorities.set(provider, priority)
      supply.prioritise(priorities.all())
      await told()
    },
  }
}

function ledgerAlarm(alarms: Alarms): (reason: unknown) => void {
  return (reason) => {
    if (reason === undefined) return alarms.clear('ledger')
    const why = reason instanceof Error ? reason.message : 'nobody knows why'
    return alarms.raise(
      'ledger',
      `the ledger can’t be written (${why}): requests are refused until there is space`,
    )
  }
}

/** Nobody but us is overloaded in a request that was let in. */
const OUR_LIMIT = /^overloaded:/

function alsoCounting(figures: EndpointFiguresBook, metrics: Metrics, alarms: Alarms): EndpointFiguresBook {
  return {
    ...figures,
    note(settlement) {
      figures.note(settlement)
      metrics.note(settlement)
      if (settlement.error !== undefined && OUR_LIMIT.test(settlement.error))
        alarms.raise(OPEN_FILES, NO_MORE_FILES)
    },
  }
}

/** What a killed broker left open becomes entries; nobody has to wait for it. */
function bookWhatWasLeftOpen(ledger: Ledger, log: DaemonLog): void {
  ledger.recover().then(
    (count) => {
      if (count > 0) log.warn({ count }, 'requests that an earlier broker left open were booked with bounds')
    },
    (error: unknown) => log.error({ err: error }, 'open holds of an earlier broker could not be booked'),
  )
}
