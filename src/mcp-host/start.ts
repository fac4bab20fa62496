import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { createHttpServer } from '../server/http/http-server.ts'
import { authenticate } from '../server/http/authenticate.ts'
import { addHeroRoutes } from '../server/http/hero-routes.ts'
import { type McpRoutes, registerMcpRoutes } from '../server/mcp/mcp-routes.ts'
import { type BoundSocket, bindUnixSocket } from '../runtime/bind.ts'
import { DrainTimer } from '../runtime/drain-timer.ts'
import { drainable, type Drain } from '../runtime/drain.ts'
import { lockInstance } from '../runtime/instance-lock.ts'
import { createPinFile } from '../mcp/upstream/pinning/pin-file.ts'
import { type McpGateway, createMcpGateway } from '../mcp/mcp-gateway.ts'
import { createCallerIdentity } from '../mcp/policy/caller-identity.ts'
import { VERSION } from '../runtime/version.ts'

const FOLDER = 'hero_aibroker_services'

export interface McpHostOptions {
  readonly config: Pick<
    Config,
    'socketDir' | 'dataDir' | 'mcpConfigPath' | 'bodyLimitBytes' | 'drainTimeoutMs'
  >
  /** Variables that the MCP file may refer to. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'debug' | 'error'>
}

export interface McpHost {
  readonly gateway: McpGateway
  /** Paths of the sockets that are open now. */
  sockets(): readonly string[]
  /** Ends open requests during `close` at once. */
  hurry(): void
  close(): Promise<void>
}

/**
 * `mcp.sock` serves all MCP servers as one, `mcp_<name>.sock` serves one of them without the prefix in its tools' names. Sockets
 * are opened and closed as the configuration changes. All share the same running servers. Throws `cannot-start` or
 * `bad-request`.
 */
export async function startMcpHost(options: McpHostOptions): Promise<McpHost> {
  const { config, environment, clock, log } = options
  const { socketDir, dataDir, mcpConfigPath: configPath } = config
  if (configPath === undefined)
    throw new BrokerError('cannot-start', 'set MCP_CONFIG_PATH to the file of MCP servers')
  const folder = join(socketDir, FOLDER)
  await using stack = new AsyncDisposableStack()
  const lock = await lockInstance(folder)
  stack.defer(() => lock.release())
  const pinStore = createPinFile(join(dataDir, 'mcp-pins.json'))
  const gateway = await createMcpGateway({
    configPath,
    environment,
    version: VERSION,
    clock,
    log,
    pinStore,
    identity: createCallerIdentity({}),
  })
  stack.defer(() => gateway.close())
  const drainTimer = new DrainTimer(clock, config.drainTimeoutMs)
  const sockets = new ServerSockets(options, { folder, gateway, drainTimer })
  stack.defer(() => sockets.close())
  await sockets.start()
  const open = stack.move()
  return {
    gateway,
    sockets: () => sockets.paths(),
    hurry: () => drainTimer.hurry(),
    close: () => open.disposeAsync(),
  }
}

interface OpenSocket {
  readonly server: FastifyInstance
  readonly drain: Drain
  readonly routes: McpRoutes
  readonly bound: BoundSocket
}

/** One open socket for each configured server, and one for all of them. */
class ServerSockets {
  readonly #options: McpHostOptions
  readonly #folder: string
  readonly #gateway: McpGateway
  readonly #drainTimer: DrainTimer
  readonly #open = new Map<string, OpenSocket>()
  /** Changes are applied one after the other. */
  #changing: Promise<void> = Promise.resolve()
  #unsubscribe = (): void => undefined
  #state: 'starting' | 'serving' | 'stopping' = 'starting'

  constructor(
    options: McpHostOptions,
    parts: { readonly folder: string; readonly gateway: McpGateway; readonly drainTimer: DrainTimer },
  ) {
    this.#options = options
    this.#folder = parts.folder
    this.#gateway = parts.gateway
    this.#drainTimer = parts.drainTimer
  }

  paths(): readonly string[] {
    return [...this.#open.values()].map(({ bound }) => bound.path)
  }

  /** Opens the sockets, and from then on follows changes of the configuration. */
  async start(): Promise<void> {
    await this.#matchConfiguration()
    this.#state = 'serving'
    const { log } = this.#options
    this.#unsubscribe = this.#gateway.onListChanged(() => {
      this.#changing = this.#changing
        .then(() => this.#matchConfiguration())
        .catch((error: unknown) => log.error({ err: error }, 'the MCP sockets could not be updated'))
    })
  }

  async close(): Promise<void> {
    this.#state = 'stopping'
    this.#unsubscribe()
    await this.#changing
    await Promise.all([...this.#open.values()].map((socket) => this.#shut(socket)))
  }

  async #matchConfiguration(): Promise<void> {
    const names = this.#gateway.servers().map(({ name }) => name)
    const wanted = new Map<string, () => McpGateway>([
      ['mcp', () => this.#gateway],
      ...names.map((name) => [`mcp_${name}`, () => this.#gateway.viewOfServer(name)] as const),
    ])
    for (const [name, socket] of this.#open) {
      if (wanted.has(name)) continue
      this.#open.delete(name)
      await this.#shut(socket)
    }
    for (const [name, brokerOf] of wanted) {
      if (!this.#open.has(name)) this.#open.set(name, await this.#serve(name, brokerOf()))
    }
  }

  async #serve(name: string, gateway: McpGateway): Promise<OpenSocket> {
    const { config, clock, log } = this.#options
    const server = createHttpServer({
      name,
      bodyLimit: config.bodyLimitBytes,
      trustForwarded: true,
      logger: log,
    })
    const title = name === 'mcp' ? 'MCP servers' : `MCP server ${name.slice('mcp_'.length)}`
    const about = { version: VERSION, title, description: 'Tools over MCP.' }
    addHeroRoutes(server, { ...about, protocol: 'rest', socket: name }, () => this.#state === 'serving')
    const routes = await registerMcpRoutes(server, { toolBroker: gateway, authenticate, clock })
    await server.ready()
    const drain = drainable(server.server)
    const bound = await bindUnixSocket(server.server, join(this.#folder, `${name}.sock`))
    return { server, drain, routes, bound }
  }

  async #shut({ server, drain, routes, bound }: OpenSocket): Promise<void> {
    const { clock } = this.#options
    bound.unbind()
    await routes.close()
    await drain({ clock, timer: this.#drainTimer, graceMs: 0 })
    await server.close()
  }
}
