import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { InFlight } from '../../inference/admission/in-flight.ts'
import type { AdminServices, HttpServices, ReplayServices } from '../../inference/services/services.ts'
import type { Config } from '../../config/config.ts'
import { trustedProxies } from '../../auth/trusted-proxies.ts'
import type { BearerVerifier } from '../../auth/verify-bearer.ts'
import { createHttpServer, type HttpServerOptions } from '../../server/http/http-server.ts'
import type { CallerRules } from '../../server/http/node/request-types.ts'
import { authenticate, isAdmin } from '../../server/http/authenticate.ts'
import { addHeroRoutes } from '../../server/http/hero-routes.ts'
import { mountMcp, type MountedMcp } from '../../server/mcp/mount-mcp.ts'
import { mayListen, requireBearer, requireOwnPage } from '../../server/http/tcp-access.ts'
import {
  addAccountAndModelRoutes,
  addInferenceRoutes,
  errorRendererAt,
  REST_PREFIXES,
  WEB_PREFIXES,
  type RestPrefix,
} from '../../server/rest/routes.ts'
import type { Handlers, StreamHandlers } from '../../server/rpc/calls/handler-types.ts'
import { prometheusText } from '../../server/rpc/prometheus.ts'
import { registerRpc, type MountedRpc, type RpcOptions } from '../../server/rpc/rpc-server.ts'
import { bindTcp, bindUnixSocket, type BoundSocket } from '../../runtime/bind.ts'
import type { DrainTimer } from '../../runtime/drain-timer.ts'
import { drainable, type Drain } from '../../runtime/drain.ts'
import { checkSocketPath, type SocketPaths } from '../../runtime/socket-paths.ts'
import type { DaemonLog } from '../log.ts'
import type { McpTools } from '../services/mcp-tools.ts'
import { VERSION } from '../../runtime/version.ts'

/** Grace period for callers to read the error that ends their response. */
const ERROR_RESPONSE_MS = 2000

export interface ListenerParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: DaemonLog
  readonly services: AdminServices
  readonly http: HttpServices
  readonly replay: ReplayServices
  readonly handlers: Handlers
  readonly streams: StreamHandlers
  readonly metrics: Metrics
  readonly sockets: SocketPaths
  readonly tools: McpTools
  readonly bearerVerifier: BearerVerifier
  readonly drainTimer: DrainTimer
  /** Whether all listeners are open and none is stopping. */
  readonly isServing: () => boolean
}

/** The open listeners of the daemon. */
export interface Listeners extends AsyncDisposable {
  readonly tcp: TcpAddress | undefined
  /** Ends MCP sessions and RPC streams, which otherwise last as long as their clients like, so that a drain can complete. */
  endSessions(): Promise<void>
}

export interface TcpAddress {
  readonly address: string
  readonly port: number
}

interface BuiltListener {
  readonly server: FastifyInstance
  readonly mcp: MountedMcp | undefined
  readonly rpc?: MountedRpc | undefined
}

interface OpenListener extends BuiltListener {
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
export async function openListeners(parts: ListenerParts): Promise<Listeners> {
  const { config, sockets } = parts
  const listeners = restListeners(config, sockets).map((plan): ListenerAtPath => [
    buildRestListener(plan, parts),
    plan.path,
  ])
  return openAll([...listeners, [buildRpcListener(parts), sockets.rpc]], config.listen, parts)
}

/** Opens the one listener that a primary does not share with its workers. */
export function openRpcListener(parts: ListenerParts): Promise<Listeners> {
  return openAll([[buildRpcListener(parts), parts.sockets.rpc]], undefined, parts)
}

/**
 * Opens the internal listeners, to which workers forward requests: the routes and rules of the shared listeners, on sockets of
 * their own. Their responses are counted by the workers.
 */
export function openInternalListeners(
  parts: ListenerParts,
  rules: { readonly tcp: CallerRules['peerAddress'] },
): Promise<Listeners> {
  const { config, sockets } = parts
  const uncounted = { ...parts, metrics: { ...parts.metrics, recordResponse: () => undefined } }
  const listeners = restListeners(config, sockets).map((plan): ListenerAtPath => [
    buildRestListener(plan, uncounted),
    internalSocketPath(sockets, plan.name),
  ])
  const tcp: ListenerAtPath[] =
    config.listen === undefined
      ? []
      : [[buildTcpListener(config.listen, uncounted, rules.tcp), internalSocketPath(sockets, TCP)]]
  return openAll([...listeners, ...tcp], undefined, parts)
}

export function internalSocketFolder({ folder }: SocketPaths): string {
  return join(folder, 'w')
}

export function internalSocketPath(sockets: SocketPaths, server: string): string {
  return checkSocketPath(join(internalSocketFolder(sockets), `${server}.sock`))
}

/** A listener with inference routes. */
export interface RestListener {
  readonly name: string
  readonly path: string
  readonly prefixes: readonly RestPrefix[]
  /** The context of every caller on this socket, whatever its headers say. */
  readonly context?: string | undefined
}

export const TCP = 'tcp'

export function restListeners(
  { contextSockets }: Config,
  { folder, rest, web }: SocketPaths,
): RestListener[] {
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

type ListenerAtPath = readonly [BuiltListener, string]

async function openAll(
  unixListeners: readonly ListenerAtPath[],
  listen: TcpAddress | undefined,
  parts: ListenerParts,
): Promise<Listeners> {
  const open: OpenListener[] = []
  const files: BoundSocket[] = []
  await using stack = new AsyncDisposableStack()
  stack.defer(() => closeListeners(open, files, parts))
  for (const [built, path] of unixListeners) {
    const { server } = built
    open.push({ ...built, drain: drainable(server.server) })
    await server.ready()
    files.push(await bindUnixSocket(server.server, path))
  }
  const tcp = listen === undefined ? undefined : await openTcp(listen, parts, open)
  const all = stack.move()
  return {
    tcp,
    endSessions: () => endSessions(open),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const API_INFO = { version: VERSION, title: 'Hero AI Broker', description: 'One API for every LLM provider.' }

function buildRestListener({ name, prefixes, context }: RestListener, parts: ListenerParts): BuiltListener {
  const options = optionsFor(name, parts)
  const server = createHttpServer(context === undefined ? options : inContext(context, options))
  addHeroRoutes(server, { ...API_INFO, protocol: 'rest', socket: name }, parts.isServing)
  addRestRoutes(server, prefixes, parts)
  return { server, mcp: addMcp(server, options, parts) }
}

function addRestRoutes(server: FastifyInstance, prefixes: readonly RestPrefix[], parts: ListenerParts): void {
  const { services, http, replay } = parts
  addInferenceRoutes(server, prefixes, { services, http, replay })
  addAccountAndModelRoutes(server, prefixes, { services, http })
}

export function inContext(context: string, options: HttpServerOptions): HttpServerOptions {
  return { ...options, callers: { ...options.callers, context } }
}

function buildRpcListener(parts: ListenerParts): BuiltListener {
  const server = createHttpServer(optionsFor('rpc', parts))
  addHeroRoutes(server, { ...API_INFO, protocol: 'openrpc', socket: 'rpc' }, parts.isServing)
  return { server, mcp: undefined, rpc: addRpc(server, parts) }
}

async function openTcp(listen: TcpAddress, parts: ListenerParts, open: OpenListener[]): Promise<TcpAddress> {
  const built = buildTcpListener(listen, parts)
  open.push({ ...built, drain: drainable(built.server.server) })
  await built.server.ready()
  return await bindTcp(built.server.server, listen.address, listen.port)
}

/** REST and JSON-RPC on one port. */
function buildTcpListener(
  listen: TcpAddress,
  parts: ListenerParts,
  peerAddress?: CallerRules['peerAddress'],
): BuiltListener {
  const plain = tcpOptions(listen, parts)
  const options = peerAddress === undefined ? plain : { ...plain, callers: { ...plain.callers, peerAddress } }
  const server = createHttpServer(options)
  addHeroRoutes(server, { ...API_INFO, protocol: 'rest', socket: TCP }, parts.isServing)
  addRestRoutes(server, REST_PREFIXES, parts)
  const rpc = addRpc(server, parts)
  return { server, rpc, mcp: addMcp(server, options, parts) }
}

/** Options of the TCP listener: it does not trust forwarded headers, and its guards depend on the address. */
export function tcpOptions({ address }: TcpAddress, parts: OptionParts): HttpServerOptions {
  const { bearerVerifier, config } = parts
  const page = requireOwnPage({ address, hosts: config.hosts, origins: config.corsOrigins })
  const guards = bearerVerifier.isGuarded ? [page, requireBearer] : [page]
  return { ...optionsFor(TCP, parts), trustForwarded: false, guards, tls: tlsIdentity(config.tls) }
}

/** Reads certificate and key. Throws `cannot-start` for a file that can't be read. */
function tlsIdentity(files: Config['tls']): HttpServerOptions['tls'] {
  if (files === undefined) return undefined
  try {
    return { cert: readFileSync(files.certPath, 'utf8'), key: readFileSync(files.keyPath, 'utf8') }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('cannot-start', `the certificate of the TCP listener can’t be read: ${reason}`, {
      cause,
    })
  }
}

const roleOf: RpcOptions['roleOf'] = (_caller, request) => (isAdmin(request) ? 'admin' : 'caller')

function addRpc(server: FastifyInstance, parts: ListenerParts): MountedRpc {
  const { handlers, streams, log, services, metrics } = parts
  const prometheus = (): string => prometheusText({ services, metrics, version: VERSION })
  const about = { prometheus, version: VERSION, logger: log }
  return registerRpc(server, { handlers, streams, authenticate, roleOf, ...about })
}

/** TCP has guards of its own against web pages; on a Unix socket the MCP routes check the forwarded headers. */
function addMcp(
  server: FastifyInstance,
  options: HttpServerOptions,
  { tools, clock }: ListenerParts,
): MountedMcp {
  const isGuarded = !server.trustForwarded
  return mountMcp(server, { toolBroker: () => tools.gateway(), clock, server: options, isGuarded })
}

/** What the options of a listener depend on. */
export interface OptionParts {
  readonly config: Config
  readonly log: DaemonLog
  readonly bearerVerifier: BearerVerifier
  readonly metrics: { readonly recordResponse: Metrics['recordResponse'] }
}

export function optionsFor(
  name: string,
  { config, log, bearerVerifier, metrics }: OptionParts,
): HttpServerOptions {
  const onResponse = (status: number): void => metrics.recordResponse(name, status)
  const callers = { bearerVerifier, proxies: trustedProxies(config.proxies), rollsUp: config.rollsUp }
  return {
    callers,
    name,
    bodyLimit: config.bodyLimitBytes,
    corsOrigins: config.corsOrigins,
    trustForwarded: true,
    logger: log,
    onResponse,
    renderErrorAt: errorRendererAt,
  }
}

async function closeListeners(
  open: readonly OpenListener[],
  files: readonly BoundSocket[],
  parts: ListenerParts,
): Promise<void> {
  for (const file of files) file.unbind()
  await endSessions(open)
  await drainAll(open, parts)
}

async function endSessions(open: readonly BuiltListener[]): Promise<void> {
  for (const { rpc } of open) rpc?.endStreams()
  await Promise.all(open.map(async ({ mcp }) => mcp?.close()))
}

/** Lets open requests finish within the drain timeout, then ends them with an error, then closes the remaining connections. */
export async function drainAll(
  open: readonly { readonly server: FastifyInstance; readonly drain: Drain }[],
  {
    clock,
    drainTimer: timer,
    services,
  }: Pick<ListenerParts, 'clock' | 'drainTimer'> & {
    readonly services: { readonly inFlight: InFlight }
  },
): Promise<void> {
  const cancelEnd = timer.after(0, () => services.inFlight.stopAll())
  await Promise.all(open.map(({ drain }) => drain({ clock, timer, graceMs: ERROR_RESPONSE_MS })))
  cancelEnd()
  await Promise.all(open.map(({ server }) => server.close()))
}
