import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Metrics } from '../../broker/metrics.ts'
import type { Rooms } from '../../broker/rooms.ts'
import type { Config } from '../../config/config.ts'
import type { Gate } from '../../contexts/gate.ts'
import { createDoor, type DoorOptions } from '../../doors/http/door.ts'
import { findCaller, isAdmin } from '../../doors/http/find-caller.ts'
import { addHeroRoutes } from '../../doors/http/hero-routes.ts'
import { mountMcp, type MountedMcp } from '../../doors/mcp/mount-mcp.ts'
import { mayListen, requireProof, requireSameMachine } from '../../doors/http/tcp-guards.ts'
import { addRestRoutes, REST_PREFIXES, WEB_PREFIXES } from '../../doors/rest/routes.ts'
import type { Handlers, StreamHandlers } from '../../doors/rpc/handlers.ts'
import { prometheusText } from '../../doors/rpc/prometheus.ts'
import { registerRpc, type MountedRpc, type RpcDoor } from '../../doors/rpc/rpc-door.ts'
import { bindTcp, bindUnixSocket, type BoundSocket } from '../../host/bind.ts'
import { drainable, type Drain } from '../../host/drain.ts'
import { checkSocketPath, type SocketPaths } from '../../host/socket-paths.ts'
import type { DaemonLog } from './daemon-log.ts'
import type { Tools } from './tools.ts'
import { VERSION } from './version.ts'

/** How long a caller may take to read why its answer ends here. */
const LAST_WORDS_MS = 2000

export interface DoorParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: DaemonLog
  readonly rooms: Rooms
  readonly handlers: Handlers
  readonly streams: StreamHandlers
  readonly metrics: Metrics
  readonly sockets: SocketPaths
  readonly tools: Tools
  readonly gate: Gate
}

/** All doors of the daemon, open. */
export interface Doors extends AsyncDisposable {
  readonly tcp: TcpAddress | undefined
}

export interface TcpAddress {
  readonly address: string
  readonly port: number
}

interface BuiltDoor {
  readonly door: FastifyInstance
  /** Sessions last as long as their clients like: they are ended before a drain. */
  readonly mcp: MountedMcp | undefined
  readonly rpc?: MountedRpc | undefined
}

interface OpenDoor extends BuiltDoor {
  readonly drain: Drain
}

/** Beyond this machine only with a token. Throws `cannot-start`, before anything was opened. */
export function refuseOpenTcp({ listen, adminToken, heroSecret, allowsOpenTcp }: Config): void {
  const isGuarded = adminToken !== undefined || heroSecret !== undefined
  if (listen === undefined || allowsOpenTcp || mayListen(listen.address, isGuarded)) return
  throw new BrokerError(
    'cannot-start',
    `${listen.address} can be reached from other machines: set ADMIN_TOKEN, which callers then send as a bearer token, or say --open-tcp if nobody else can reach it`,
  )
}

/** Binds the Unix sockets and, when asked for, TCP. Disposing drains: open requests may end within the bound. */
export async function openDoors(parts: DoorParts): Promise<Doors> {
  const { config, sockets } = parts
  const open: OpenDoor[] = []
  const files: BoundSocket[] = []
  await using stack = new AsyncDisposableStack()
  stack.defer(() => closeDoors(open, files, parts))
  const unixDoors: readonly (readonly [BuiltDoor, string])[] = [
    ...config.contextSockets.map((context) => contextDoor(context, parts)),
    [restDoor(parts), sockets.rest],
    [rpcDoor(parts), sockets.rpc],
    [webDoor(parts), sockets.web],
  ]
  for (const [built, path] of unixDoors) {
    const { door } = built
    open.push({ ...built, drain: drainable(door.server) })
    await door.ready()
    files.push(await bindUnixSocket(door.server, path))
  }
  const tcp = config.listen === undefined ? undefined : await openTcp(config.listen, parts, open)
  const all = stack.move()
  return { tcp, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

const ABOUT = { version: VERSION, title: 'Hero AI Broker', description: 'One door to every LLM provider.' }

function restDoor(parts: DoorParts): BuiltDoor {
  const options = optionsFor('rest', parts)
  const door = createDoor(options)
  addHeroRoutes(door, { ...ABOUT, protocol: 'rest', socket: 'rest' })
  addRestRoutes(door, parts.rooms, REST_PREFIXES)
  return { door, mcp: addMcp(door, options, parts) }
}

/** A door for one context: whoever may open the file is in it, and no header says otherwise. */
function contextDoor(context: string, parts: DoorParts): readonly [BuiltDoor, string] {
  const socket = `rest.${context}`
  const options = optionsFor(socket, parts)
  const door = createDoor({ ...options, callers: { ...options.callers, context } })
  addHeroRoutes(door, { ...ABOUT, protocol: 'rest', socket })
  addRestRoutes(door, parts.rooms, REST_PREFIXES)
  return [
    { door, mcp: addMcp(door, options, parts) },
    checkSocketPath(join(parts.sockets.folder, `${socket}.sock`)),
  ]
}

function rpcDoor(parts: DoorParts): BuiltDoor {
  const door = createDoor(optionsFor('rpc', parts))
  addHeroRoutes(door, { ...ABOUT, protocol: 'openrpc', socket: 'rpc' })
  return { door, mcp: undefined, rpc: addRpc(door, parts) }
}

function webDoor(parts: DoorParts): BuiltDoor {
  const options = optionsFor('web_v1', parts)
  const door = createDoor(options)
  addHeroRoutes(door, { ...ABOUT, protocol: 'rest', socket: 'web_v1' })
  addRestRoutes(door, parts.rooms, WEB_PREFIXES)
  return { door, mcp: addMcp(door, options, parts) }
}

/** REST and JSON-RPC on one port; what it trusts and asks for is decided by where it listens. */
async function openTcp(
  { address, port }: TcpAddress,
  parts: DoorParts,
  open: OpenDoor[],
): Promise<TcpAddress> {
  const { gate, config } = parts
  const guards = gate.isGuarded ? [requireProof] : config.allowsOpenTcp ? [] : [requireSameMachine(address)]
  const options = { ...optionsFor('tcp', parts), trustForwarded: false, onRequest: guards }
  const door = createDoor(options)
  addHeroRoutes(door, { ...ABOUT, protocol: 'rest', socket: 'tcp' })
  addRestRoutes(door, parts.rooms, REST_PREFIXES)
  const rpc = addRpc(door, parts)
  open.push({ door, mcp: addMcp(door, options, parts), rpc, drain: drainable(door.server) })
  await door.ready()
  return await bindTcp(door.server, address, port)
}

const roleOf: RpcDoor['roleOf'] = (_caller, request) => (isAdmin(request) ? 'admin' : 'caller')

function addRpc(door: FastifyInstance, parts: DoorParts): MountedRpc {
  const { handlers, streams, log, rooms, metrics } = parts
  const prometheus = (): string => prometheusText({ rooms, metrics, version: VERSION })
  const about = { prometheus, version: VERSION, logger: log }
  return registerRpc(door, { handlers, streams, findCaller, roleOf, ...about })
}

/** TCP has its own guards against web pages; behind a socket the routes look at what a front passes on. */
function addMcp(door: FastifyInstance, options: DoorOptions, { tools, clock }: DoorParts): MountedMcp {
  const isGuarded = !door.trustForwarded
  return mountMcp(door, { toolBroker: () => tools.broker(), clock, door: options, isGuarded })
}

function optionsFor(name: string, { config, log, gate, metrics }: DoorParts): DoorOptions {
  const onAnswer = (status: number): void => metrics.answered(name, status)
  const callers = { gate, proxies: config.proxies, rollsUp: config.rollsUp }
  return { callers, name, bodyLimit: config.bodyLimitBytes, trustForwarded: true, logger: log, onAnswer }
}

async function closeDoors(
  open: readonly OpenDoor[],
  files: readonly BoundSocket[],
  { config, clock, rooms }: DoorParts,
): Promise<void> {
  for (const file of files) file.unbind()
  for (const { rpc } of open) rpc?.endStreams()
  await Promise.all(open.map(async ({ mcp }) => mcp?.close()))
  const cancelEnd = clock.after(config.drainTimeoutMs, () => rooms.running.endAll())
  const graceMs = config.drainTimeoutMs + LAST_WORDS_MS
  await Promise.all(open.map(({ drain }) => drain({ clock, graceMs })))
  cancelEnd()
  await Promise.all(open.map(({ door }) => door.close()))
}
