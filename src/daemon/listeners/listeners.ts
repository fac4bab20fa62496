import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Rooms } from '../../inference/services/services.ts'
import type { Config } from '../../config/config.ts'
import type { Gate } from '../../auth/verify-bearer.ts'
import { createDoor, type DoorOptions } from '../../server/http/http-server.ts'
import type { CallerRules } from '../../server/http/node/request-types.ts'
import { findCaller, isAdmin } from '../../server/http/authenticate.ts'
import { addHeroRoutes } from '../../server/http/hero-routes.ts'
import { mountMcp, type MountedMcp } from '../../server/mcp/mount-mcp.ts'
import { mayListen, requireProof, requireSameMachine } from '../../server/http/tcp-access.ts'
import { addRestRoutes, REST_PREFIXES, WEB_PREFIXES } from '../../server/rest/routes.ts'
import type { Handlers, StreamHandlers } from '../../server/rpc/calls/handler-types.ts'
import { prometheusText } from '../../server/rpc/prometheus.ts'
import { registerRpc, type MountedRpc, type RpcDoor } from '../../server/rpc/rpc-server.ts'
import { bindTcp, bindUnixSocket, type BoundSocket } from '../../runtime/bind.ts'
import { drainable, type Drain } from '../../runtime/drain.ts'
import { checkSocketPath, type SocketPaths } from '../../runtime/socket-paths.ts'
import type { DaemonLog } from '../log.ts'
import type { Tools } from '../services/mcp-tools.ts'
import { VERSION } from '../../runtime/version.ts'

/** Grace period for callers to read the error that ends their response. */
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

/** The open listeners of the daemon. */
export interface Doors extends AsyncDisposable {
  readonly tcp: TcpAddress | undefined
  /** Ends MCP sessions and RPC streams, which otherwise last as long as their clients like, so that a drain can complete. */
  endSessions(): Promise<void>
}

export interface TcpAddress {
  readonly address: string
  readonly port: number
}

interface BuiltDoor {
  readonly door: FastifyInstance
  readonly mcp: MountedMcp | undefined
  readonly rpc?: MountedRpc | undefined
}

interface OpenDoor extends BuiltDoor {
  readonly drain: Drain
}

/** Refuses to listen beyond this machine without a token. Throws `cannot-start`. */
export function refuseOpenTcp({ listen, adminToken, heroSecret, allowsOpenTcp }: Config): void {
  const isGuarded = adminToken !== undefined || heroSecret !== undefined
  if (listen === undefined || allowsOpenTcp || mayListen(listen.address, isGuarded)) return
  throw new BrokerError(
    'cannot-start',
    `${listen.address} can be reached from other machines: set ADMIN_TOKEN, which callers then send as a bearer token, or pass --open-tcp if the network is trusted`,
  )
}

/** Binds the Unix sockets and, where configured, TCP. Disposing drains: open requests may finish within the drain timeout. */
export async function openDoors(parts: DoorParts): Promise<Doors> {
  const { config, sockets } = parts
  const doors = restDoors(config, sockets).map((plan): PlacedDoor => [restDoor(plan, parts), plan.path])
  return openAll([...doors, [rpcDoor(parts), sockets.rpc]], config.listen, parts)
}

/** Opens the one listener that a primary does not share with its workers. */
export function openRpcDoor(parts: DoorParts): Promise<Doors> {
  return openAll([[rpcDoor(parts), parts.sockets.rpc]], undefined, parts)
}

/**
 * Opens the internal listeners, to which workers forward requests: the routes and rules of the shared listeners, on sockets of
 * their own. Their responses are counted by the workers.
 */
export function openTwins(parts: DoorParts, rules: { readonly tcp: CallerRules['peerOf'] }): Promise<Doors> {
  const { config, sockets } = parts
  const uncounted = { ...parts, metrics: { ...parts.metrics, answered: () => undefined } }
  const doors = restDoors(config, sockets).map((plan): PlacedDoor => [
    restDoor(plan, uncounted),
    twinPath(sockets, plan.name),
  ])
  const tcp: PlacedDoor[] =
    config.listen === undefined
      ? []
      : [[tcpDoor(config.listen, uncounted, rules.tcp), twinPath(sockets, TCP)]]
  return openAll([...doors, ...tcp], undefined, parts)
}

export function twinFolder({ folder }: SocketPaths): string {
  return join(folder, 'w')
}

export function twinPath(sockets: SocketPaths, door: string): string {
  return checkSocketPath(join(twinFolder(sockets), `${door}.sock`))
}

/** A listener with inference routes. */
export interface RestDoor {
  readonly name: string
  readonly path: string
  readonly prefixes: readonly string[]
  /** The context of every caller on this socket, whatever its headers say. */
  readonly context?: string | undefined
}

export const TCP = 'tcp'

export function restDoors({ contextSockets }: Config, { folder, rest, web }: SocketPaths): RestDoor[] {
  const ofContexts = contextSockets.map((context) => {
    const name = `rest.${context}`
    return { name, path: checkSocketPath(join(folder, `${name}.sock`)), prefixes: REST_PREFIXES, context }
  })
  return [
    ...ofContexts,
    { name: 'rest', path: rest, prefixes: REST_PREFIXES },
    { name: 'web_v1', path: web, prefixes: WEB_PREFIXES },
  ]
}

type PlacedDoor = readonly [BuiltDoor, string]

async function openAll(
  unixDoors: readonly PlacedDoor[],
  listen: TcpAddress | undefined,
  parts: DoorParts,
): Promise<Doors> {
  const open: OpenDoor[] = []
  const files: BoundSocket[] = []
  await using stack = new AsyncDisposableStack()
  stack.defer(() => closeDoors(open, files, parts))
  for (const [built, path] of unixDoors) {
    const { door } = built
    open.push({ ...built, drain: drainable(door.server) })
    await door.ready()
    files.push(await bindUnixSocket(door.server, path))
  }
  const tcp = listen === undefined ? undefined : await openTcp(listen, parts, open)
  const all = stack.move()
  return {
    tcp,
    endSessions: () => endSessions(open),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const ABOUT = { version: VERSION, title: 'Hero AI Broker', description: 'One API for every LLM provider.' }

function restDoor({ name, prefixes, context }: RestDoor, parts: DoorParts): BuiltDoor {
  const options = optionsFor(name, parts)
  const door = createDoor(context === undefined ? options : inContext(context, options))
  addHeroRoutes(door, { ...ABOUT, protocol: 'rest', socket: name })
  addRestRoutes(door, parts.rooms, prefixes)
  return { door, mcp: addMcp(door, options, parts) }
}

export function inContext(context: string, options: DoorOptions): DoorOptions {
  return { ...options, callers: { ...options.callers, context } }
}

function rpcDoor(parts: DoorParts): BuiltDoor {
  const door = createDoor(optionsFor('rpc', parts))
  addHeroRoutes(door, { ...ABOUT, protocol: 'openrpc', socket: 'rpc' })
  return { door, mcp: undefined, rpc: addRpc(door, parts) }
}

async function openTcp(listen: TcpAddress, parts: DoorParts, open: OpenDoor[]): Promise<TcpAddress> {
  const built = tcpDoor(listen, parts)
  open.push({ ...built, drain: drainable(built.door.server) })
  await built.door.ready()
  return await bindTcp(built.door.server, listen.address, listen.port)
}

/** REST and JSON-RPC on one port. */
function tcpDoor(listen: TcpAddress, parts: DoorParts, peerOf?: CallerRules['peerOf']): BuiltDoor {
  const plain = tcpOptions(listen, parts)
  const options = peerOf === undefined ? plain : { ...plain, callers: { ...plain.callers, peerOf } }
  const door = createDoor(options)
  addHeroRoutes(door, { ...ABOUT, protocol: 'rest', socket: TCP })
  addRestRoutes(door, parts.rooms, REST_PREFIXES)
  const rpc = addRpc(door, parts)
  return { door, rpc, mcp: addMcp(door, options, parts) }
}

/** Options of the TCP listener: it does not trust forwarded headers, and its guards depend on the address. */
export function tcpOptions({ address }: TcpAddress, parts: OptionParts): DoorOptions {
  const { gate, config } = parts
  const guards = gate.isGuarded ? [requireProof] : config.allowsOpenTcp ? [] : [requireSameMachine(address)]
  return { ...optionsFor(TCP, parts), trustForwarded: false, guards }
}

const roleOf: RpcDoor['roleOf'] = (_caller, request) => (isAdmin(request) ? 'admin' : 'caller')

function addRpc(door: FastifyInstance, parts: DoorParts): MountedRpc {
  const { handlers, streams, log, rooms, metrics } = parts
  const prometheus = (): string => prometheusText({ rooms, metrics, version: VERSION })
  const about = { prometheus, version: VERSION, logger: log }
  return registerRpc(door, { handlers, streams, findCaller, roleOf, ...about })
}

/** TCP has guards of its own against web pages; on a Unix socket the MCP routes check the forwarded headers. */
function addMcp(door: FastifyInstance, options: DoorOptions, { tools, clock }: DoorParts): MountedMcp {
  const isGuarded = !door.trustForwarded
  return mountMcp(door, { toolBroker: () => tools.broker(), clock, door: options, isGuarded })
}

/** What the options of a listener depend on. */
export interface OptionParts {
  readonly config: Config
  readonly log: DaemonLog
  readonly gate: Gate
  readonly metrics: { readonly answered: Metrics['answered'] }
}

export function optionsFor(name: string, { config, log, gate, metrics }: OptionParts): DoorOptions {
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
  await endSessions(open)
  await drainAll(open, { config, clock, rooms })
}

async function endSessions(open: readonly BuiltDoor[]): Promise<void> {
  for (const { rpc } of open) rpc?.endStreams()
  await Promise.all(open.map(async ({ mcp }) => mcp?.close()))
}

/** Lets open requests finish within the drain timeout, then ends them with an error, then closes the remaining connections. */
export async function drainAll(
  open: readonly { readonly door: FastifyInstance; readonly drain: Drain }[],
  {
    config,
    clock,
    rooms,
  }: Pick<DoorParts, 'config' | 'clock'> & { readonly rooms: { readonly running: Rooms['running'] } },
): Promise<void> {
  const cancelEnd = clock.after(config.drainTimeoutMs, () => rooms.running.endAll())
  const graceMs = config.drainTimeoutMs + LAST_WORDS_MS
  await Promise.all(open.map(({ drain }) => drain({ clock, graceMs })))
  cancelEnd()
  await Promise.all(open.map(({ door }) => door.close()))
}
