import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { createTokenCounter } from '../../broker/token-counter.ts'
import { createEndpointFigures } from '../../broker/endpoint-figures.ts'
import type { Rooms } from '../../broker/rooms.ts'
import { createRunning } from '../../broker/running.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { readModelsFile, type ModelsFile } from '../../catalog/models-file.ts'
import { watchModelsConfig } from '../../catalog/watch-models-config.ts'
import { withModels } from '../../catalog/with-models.ts'
import type { Config } from '../../config/config.ts'
import { createGate } from '../../contexts/gate.ts'
import { openTokens } from '../../contexts/tokens.ts'
import { createDoor } from '../../doors/http/door.ts'
import { findCaller, isAdmin, type CallerRules } from '../../doors/http/find-caller.ts'
import { addHeroRoutes } from '../../doors/http/hero-routes.ts'
import { mayListen, requireProof, requireSameMachine } from '../../doors/http/tcp-guards.ts'
import { addRestRoutes, REST_PREFIXES, WEB_PREFIXES } from '../../doors/rest/routes.ts'
import { brokerHandlers } from '../../doors/rpc/broker-handlers.ts'
import { registerRpc, type RpcDoor } from '../../doors/rpc/rpc-door.ts'
import { bindTcp, bindUnixSocket, type BoundSocket } from '../../host/bind.ts'
import { drainable, type Drain } from '../../host/drain.ts'
import { lockInstance } from '../../host/instance-lock.ts'
import { checkSocketPath, socketPaths, type SocketPaths } from '../../host/socket-paths.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { createLimits } from '../../limits/limits.ts'
import { openRuleBook } from '../../limits/rule-book.ts'
import { startLoopback } from '../../local/loopback/loopback.ts'
import { API_KEYS_MIGRATIONS } from '../../store/migrations.ts'
import { openStore } from '../../store/store.ts'
import { clearOldRows } from './clear-old-rows.ts'
import { detectedModels, findLocalServers } from './detected.ts'
import { loopbackCatalog, loopbackDefinition } from './loopback.ts'
import { createProviderSet } from './provider-set.ts'
import { VERSION } from './version.ts'

/** What lines of the log are told to; pino fits. */
export interface DaemonLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** How long a caller may take to read why its answer ends here. */
const LAST_WORDS_MS = 2000

export interface Daemon {
  readonly rooms: Rooms
  readonly sockets: SocketPaths
  readonly tcp: { readonly address: string; readonly port: number } | undefined
  readonly modelsPath: string
  /** Lets open requests end within the bound, writes everything, removes the sockets. */
  close(): Promise<void>
}

/** Builds the rooms from the ground up and opens the doors; `close` takes them down in reverse. */
export async function startDaemon(config: Config, clock: Clock, log: DaemonLog): Promise<Daemon> {
  refuseOpenTcp(config)
  await using stack = new AsyncDisposableStack()
  const sockets = socketPaths(config.socketDir)
  const lock = await lockInstance(sockets.folder)
  stack.defer(() => lock.release())

  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const store = openStore({ path: join(config.dataDir, 'requests.db'), clock, durability: 'power-safe-soon' })
  stack.defer(() => store.close())
  const ledger = createLedger({ store, now: clock.now() })
  const rules = openRuleBook(store, clock)
  const keyStore = openStore({
    path: join(config.dataDir, 'apikeys.db'),
    clock,
    durability: 'full',
    migrations: API_KEYS_MIGRATIONS,
  })
  stack.defer(() => keyStore.close())
  const tokens = openTokens({ store: keyStore, keyPath: join(config.dataDir, 'apikeys.key'), clock })
  const { adminToken, heroSecret, proxies, rollsUp } = config
  const gate = createGate({ adminToken, heroSecret, tokens, clock })
  const stopClearing = clearOldRows({ ledger, clock, keepDays: config.keepDays }, (error) =>
    log.error({ err: error }, 'old rows of the ledger could not be cleared away'),
  )
  stack.defer(stopClearing)
  const tokenCounter = createTokenCounter(clock)
  stack.defer(() => tokenCounter.close())
  recoverLater()

  const loopbackSocket = join(sockets.folder, 'loopback.sock')
  const loopback = await startLoopback({ socketPath: loopbackSocket, clock })
  stack.defer(async () => {
    await loopback.close()
    rmSync(loopbackSocket, { force: true })
  })

  const models = createLiveModels(config.modelsConfigPath)
  const providers = createProviderSet({
    config,
    clock,
    socketFolder: sockets.folder,
    builtIn: [loopbackDefinition(loopbackSocket)],
    onServerEvent: (event) => log.info(event, 'local server'),
  })
  stack.defer(() => providers.close())
  providers.update(models.file().providers)
  const watcher = watchModelsConfig({
    path: config.modelsConfigPath,
    clock,
    onGood: reload,
    onBad: keepLastGood,
  })
  stack.defer(() => watcher.close())
  void lookForLocalServers()

  const startedAt = clock.monotonic()
  const rooms: Rooms = {
    catalog: () => models.catalog(),
    providers: () => providers.current(),
    ledger,
    limits: createLimits({ rules, ledger, clock }),
    tokenCounter,
    hangUp: config.hangUp,
    running: createRunning(),
    figures: createEndpointFigures(clock),
    clock,
    strategy: config.routingStrategy,
    attribution: config.attribution,
  }
  let tcp: Daemon['tcp']
  const doors: OpenDoor[] = []
  const bound: BoundSocket[] = []
  stack.defer(() => closeDoors(doors, bound))
  const handlers = brokerHandlers({
    rooms,
    rules,
    tokens,
    version: VERSION,
    uptimeMs: () => clock.monotonic() - startedAt,
    isMother: config.isMother,
    sockets: [sockets.rest, sockets.rpc, sockets.web],
    tcp: () => tcp,
    dataDir: config.dataDir,
    modelsPath: config.modelsConfigPath,
    problems: () => models.problems(),
  })
  const callers: CallerRules = { gate, proxies, rollsUp }
  const doorOptions = { bodyLimit: config.bodyLimitBytes, trustForwarded: true, callers, logger: log }
  const about = { version: VERSION, title: 'Hero AI Broker', description: 'One door to every LLM provider.' }

  const rest = createDoor({ ...doorOptions, name: 'rest' })
  addHeroRoutes(rest, { ...about, protocol: 'rest', socket: 'rest' })
  addRestRoutes(rest, rooms, REST_PREFIXES)
  const rpc = createDoor({ ...doorOptions, name: 'rpc' })
  addHeroRoutes(rpc, { ...about, protocol: 'openrpc', socket: 'rpc' })
  registerRpc(rpc, { handlers, findCaller, roleOf, version: VERSION, logger: log })
  const web = createDoor({ ...doorOptions, name: 'web_v1' })
  addHeroRoutes(web, { ...about, protocol: 'rest', socket: 'web_v1' })
  addRestRoutes(web, rooms, WEB_PREFIXES)

  const own = config.contextSockets.map((context) => {
    const door = createDoor({ ...doorOptions, name: `rest.${context}`, callers: { ...callers, context } })
    addHeroRoutes(door, { ...about, protocol: 'rest', socket: `rest.${context}` })
    addRestRoutes(door, rooms, REST_PREFIXES)
    return [door, checkSocketPath(join(sockets.folder, `rest.${context}.sock`))] as const
  })

  for (const [door, path] of [
    ...own,
    [rest, sockets.rest],
    [rpc, sockets.rpc],
    [web, sockets.web],
  ] as const) {
    doors.push({ door, drain: drainable(door.server) })
    await door.ready()
    bound.push(await bindUnixSocket(door.server, path))
  }
  tcp = config.listen === undefined ? undefined : await openTcp(config.listen)
  const keep = stack.move()
  return {
    rooms,
    sockets,
    tcp,
    modelsPath: config.modelsConfigPath,
    close: () => keep.disposeAsync(),
  }

  /** REST and JSON-RPC on one port; what it trusts and asks for is decided by where it listens. */
  async function openTcp({
    address,
    port,
  }: {
    address: string
    port: number
  }): Promise<{ address: string; port: number }> {
    const guards = gate.isGuarded ? [requireProof] : config.allowsOpenTcp ? [] : [requireSameMachine(address)]
    const door = createDoor({ ...doorOptions, name: 'tcp', trustForwarded: false, onRequest: guards })
    addHeroRoutes(door, { ...about, protocol: 'rest', socket: 'tcp' })
    addRestRoutes(door, rooms, REST_PREFIXES)
    registerRpc(door, { handlers, findCaller, roleOf, version: VERSION, logger: log })
    doors.push({ door, drain: drainable(door.server) })
    await door.ready()
    const got = await bindTcp(door.server, address, port)
    return { address: got.address, port: got.port }
  }

  async function closeDoors(open: readonly OpenDoor[], files: readonly BoundSocket[]): Promise<void> {
    for (const file of files) file.unbind()
    const cancelEnd = clock.after(config.drainTimeoutMs, () => rooms.running.endAll())
    const graceMs = config.drainTimeoutMs + LAST_WORDS_MS
    await Promise.all(open.map(({ drain }) => drain({ clock, graceMs })))
    cancelEnd()
    await Promise.all(open.map(({ door }) => door.close()))
  }

  function reload(file: ModelsFile): void {
    try {
      providers.update(file.providers)
    } catch (error) {
      keepLastGood(error)
      return
    }
    models.take(file)
    log.info({ path: config.modelsConfigPath, models: file.catalog.models.size }, 'models file taken up')
  }

  function keepLastGood(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    models.problem(message)
    log.warn(
      { path: config.modelsConfigPath, problem: message },
      'models file refused, the last good one stays',
    )
  }

  /** What a killed broker left open becomes entries; nobody has to wait for it. */
  function recoverLater(): void {
    ledger.recover().then(
      (count) =>
        count > 0 && log.warn({ count }, 'requests that an earlier broker left open were booked with bounds'),
      (error: unknown) => log.error({ err: error }, 'open holds of an earlier broker could not be booked'),
    )
  }

  async function lookForLocalServers(): Promise<void> {
    const found = await findLocalServers(process.env)
    if (found.length === 0) return
    providers.add(found.map(({ definition }) => definition))
    models.add(detectedModels(found))
    log.info({ servers: found.map(({ definition }) => definition.id) }, 'local servers found')
  }
}

interface OpenDoor {
  readonly door: FastifyInstance
  readonly drain: Drain
}

const roleOf: RpcDoor['roleOf'] = (_caller, request) => (isAdmin(request) ? 'admin' : 'caller')

function refuseOpenTcp({ listen, adminToken, heroSecret, allowsOpenTcp }: Config): void {
  const isGuarded = adminToken !== undefined || heroSecret !== undefined
  if (listen === undefined || allowsOpenTcp || mayListen(listen.address, isGuarded)) return
  throw new BrokerError(
    'cannot-start',
    `${listen.address} can be reached from other machines: set ADMIN_TOKEN, which callers then send as a bearer token, or say --open-tcp if nobody else can reach it`,
  )
}

/** The models file and what this host adds to it; swapped as a whole on reload. */
interface LiveModels {
  file(): ModelsFile
  catalog(): Catalog
  problems(): readonly string[]
  take(file: ModelsFile): void
  add(found: Parameters<typeof withModels>[1]): void
  problem(message: string): void
}

function createLiveModels(path: string): LiveModels {
  let file = readModelsFile(path)
  let added = loopbackCatalog()
  let catalog = withModels(file.catalog, added)
  let problems: readonly string[] = []
  return {
    file: () => file,
    catalog: () => catalog,
    problems: () => problems,
    take(next) {
      file = next
      catalog = withModels(file.catalog, added)
      problems = []
    },
    add(found) {
      added = [...added, ...found]
      catalog = withModels(file.catalog, added)
    },
    problem(message) {
      problems = [message]
    },
  }
}
