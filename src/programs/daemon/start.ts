import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { createEndpointFigures } from '../../broker/endpoint-figures.ts'
import type { Rooms } from '../../broker/rooms.ts'
import { createRunning } from '../../broker/running.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { readModelsFile, type ModelsFile } from '../../catalog/models-file.ts'
import { watchModelsConfig } from '../../catalog/watch-models-config.ts'
import { withModels } from '../../catalog/with-models.ts'
import type { Config } from '../../config/config.ts'
import { createDoor } from '../../doors/http/door.ts'
import { findCaller } from '../../doors/http/find-caller.ts'
import { addHeroRoutes } from '../../doors/http/hero-routes.ts'
import { mayListen, requireSameMachine, requireToken } from '../../doors/http/tcp-guards.ts'
import { addRestRoutes, REST_PREFIXES, WEB_PREFIXES } from '../../doors/rest/routes.ts'
import { brokerHandlers } from '../../doors/rpc/broker-handlers.ts'
import { registerRpc } from '../../doors/rpc/rpc-door.ts'
import { bindTcp, bindUnixSocket, type BoundSocket } from '../../host/bind.ts'
import { drain } from '../../host/drain.ts'
import { lockInstance } from '../../host/instance-lock.ts'
import { socketPaths, type SocketPaths } from '../../host/socket-paths.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { startLoopback } from '../../local/loopback/loopback.ts'
import { createHealthBook } from '../../providers/health.ts'
import { DEFAULT_LIMITS } from '../../providers/time-limits.ts'
import { openStore } from '../../store/store.ts'
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
  const ledger = createLedger({ store })
  recoverLater()

  const loopbackSocket = join(sockets.folder, 'loopback.sock')
  const loopback = await startLoopback({ socketPath: loopbackSocket, clock })
  stack.defer(async () => {
    await loopback.close()
    rmSync(loopbackSocket, { force: true })
  })

  const models = createLiveModels(config.modelsConfigPath)
  const health = createHealthBook({ clock })
  const providers = createProviderSet({
    config,
    clock,
    health,
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
    running: createRunning(),
    figures: createEndpointFigures(clock),
    clock,
    strategy: config.routingStrategy,
    health,
    limits: { ...DEFAULT_LIMITS, ...config.timeLimits },
    attribution: config.attribution,
  }
  let tcp: Daemon['tcp']
  const doors: FastifyInstance[] = []
  const bound: BoundSocket[] = []
  stack.defer(() => closeDoors(doors, bound))
  const handlers = brokerHandlers({
    rooms,
    version: VERSION,
    uptimeMs: () => clock.monotonic() - startedAt,
    isMother: config.isMother,
    sockets: [sockets.rest, sockets.rpc, sockets.web],
    tcp: () => tcp,
    dataDir: config.dataDir,
    modelsPath: config.modelsConfigPath,
    problems: () => models.problems(),
  })
  const doorOptions = { bodyLimit: config.bodyLimitBytes, trustForwarded: true, logger: log }
  const about = { version: VERSION, title: 'Hero AI Broker', description: 'One door to every LLM provider.' }

  const rest = createDoor({ ...doorOptions, name: 'rest' })
  addHeroRoutes(rest, { ...about, protocol: 'rest', socket: 'rest' })
  addRestRoutes(rest, rooms, REST_PREFIXES)
  const rpc = createDoor({ ...doorOptions, name: 'rpc' })
  addHeroRoutes(rpc, { ...about, protocol: 'openrpc', socket: 'rpc' })
  registerRpc(rpc, { handlers, findCaller, version: VERSION, logger: log })
  const web = createDoor({ ...doorOptions, name: 'web_v1' })
  addHeroRoutes(web, { ...about, protocol: 'rest', socket: 'web_v1' })
  addRestRoutes(web, rooms, WEB_PREFIXES)

  for (const [door, path] of [
    [rest, sockets.rest],
    [rpc, sockets.rpc],
    [web, sockets.web],
  ] as const) {
    doors.push(door)
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
    const token = config.adminToken
    const guard = token === undefined ? requireSameMachine(address) : requireToken(token)
    const door = createDoor({ ...doorOptions, name: 'tcp', trustForwarded: false, onRequest: [guard] })
    addHeroRoutes(door, { ...about, protocol: 'rest', socket: 'tcp' })
    addRestRoutes(door, rooms, REST_PREFIXES)
    registerRpc(door, { handlers, findCaller, version: VERSION, logger: log })
    doors.push(door)
    await door.ready()
    const got = await bindTcp(door.server, address, port)
    return { address: got.address, port: got.port }
  }

  async function closeDoors(open: readonly FastifyInstance[], files: readonly BoundSocket[]): Promise<void> {
    for (const file of files) file.unbind()
    const cancelEnd = clock.after(config.drainTimeoutMs, () => rooms.running.endAll())
    const graceMs = config.drainTimeoutMs + LAST_WORDS_MS
    await Promise.all(open.map((door) => drain(door.server, { clock, graceMs })))
    cancelEnd()
    await Promise.all(open.map((door) => door.close()))
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

function refuseOpenTcp({ listen, adminToken }: Config): void {
  if (listen === undefined || mayListen(listen.address, adminToken !== undefined)) return
  throw new BrokerError(
    'cannot-start',
    `${listen.address} can be reached from other machines: set ADMIN_TOKEN, which callers then send as a bearer token`,
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
