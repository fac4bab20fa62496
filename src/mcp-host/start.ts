import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { createDoor } from '../server/http/http-server.ts'
import { findCaller } from '../server/http/authenticate.ts'
import { addHeroRoutes } from '../server/http/hero-routes.ts'
import { type McpRoutes, registerMcpRoutes } from '../server/mcp/mcp-routes.ts'
import { type BoundSocket, bindUnixSocket } from '../runtime/bind.ts'
import { drainable, type Drain } from '../runtime/drain.ts'
import { lockInstance } from '../runtime/instance-lock.ts'
import { createPinFile } from '../mcp/upstream/pin-file.ts'
import { type ToolBroker, createToolBroker } from '../mcp/mcp-gateway.ts'
import { VERSION } from '../runtime/version.ts'

const FOLDER = 'hero_aibroker_services'

export interface ServicesOptions {
  readonly config: Pick<
    Config,
    'socketDir' | 'dataDir' | 'mcpConfigPath' | 'bodyLimitBytes' | 'drainTimeoutMs'
  >
  /** Variables that the file of servers may name. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'debug' | 'error'>
}

export interface Services {
  readonly toolBroker: ToolBroker
  /** Paths of the sockets that are open now. */
  sockets(): readonly string[]
  close(): Promise<void>
}

interface OpenSocket {
  readonly door: FastifyInstance
  readonly drain: Drain
  readonly routes: McpRoutes
  readonly bound: BoundSocket
}

/**
 * `mcp.sock` serves all servers as one, `mcp_<name>.sock` one of them under its own names; sockets come and go with the
 * configuration. All share the same running servers. Throws `cannot-start` or `bad-request`.
 */
export async function startServices({ config, environment, clock, log }: ServicesOptions): Promise<Services> {
  const { socketDir, dataDir, mcpConfigPath: configPath } = config
  if (configPath === undefined)
    throw new BrokerError('cannot-start', 'set MCP_CONFIG_PATH to the file of MCP servers')
  const folder = join(socketDir, FOLDER)
  await using stack = new AsyncDisposableStack()
  const lock = await lockInstance(folder)
  stack.defer(() => lock.release())
  const pinStore = createPinFile(join(dataDir, 'mcp-pins.json'))
  const toolBroker = await createToolBroker({
    configPath,
    environment,
    version: VERSION,
    clock,
    log,
    pinStore,
  })
  stack.defer(() => toolBroker.close())

  const open = new Map<string, OpenSocket>()
  let changing: Promise<void> = Promise.resolve()
  let stopFollowing = (): void => undefined
  const follow = (): void => {
    changing = changing.then(matchSockets).catch((error: unknown) => log.error({ err: error }, 'mcp sockets'))
  }
  stack.defer(async () => {
    stopFollowing()
    await changing
    await Promise.all([...open.values()].map(shut))
  })
  await matchSockets()
  stopFollowing = toolBroker.onListChanged(follow)
  const keep = stack.move()
  return {
    toolBroker,
    sockets: () => [...open.values()].map(({ bound }) => bound.path),
    close: () => keep.disposeAsync(),
  }

  async function matchSockets(): Promise<void> {
    const names = toolBroker.servers().map(({ name }) => name)
    const wanted = new Map<string, () => ToolBroker>([
      ['mcp', () => toolBroker],
      ...names.map((name) => [`mcp_${name}`, () => toolBroker.only(name)] as const),
    ])
    for (const [socket, openSocket] of open) {
      if (wanted.has(socket)) continue
      open.delete(socket)
      await shut(openSocket)
    }
    for (const [socket, brokerOf] of wanted) {
      if (!open.has(socket)) open.set(socket, await serve(socket, brokerOf()))
    }
  }

  async function serve(socket: string, broker: ToolBroker): Promise<OpenSocket> {
    const door = createDoor({
      name: socket,
      bodyLimit: config.bodyLimitBytes,
      trustForwarded: true,
      logger: log,
    })
    const title = socket === 'mcp' ? 'MCP servers' : `MCP server ${socket.slice('mcp_'.length)}`
    addHeroRoutes(door, { version: VERSION, title, description: 'Tools over MCP.', protocol: 'rest', socket })
    const routes = await registerMcpRoutes(door, { toolBroker: broker, findCaller, clock })
    await door.ready()
    const drain = drainable(door.server)
    return { door, drain, routes, bound: await bindUnixSocket(door.server, join(folder, `${socket}.sock`)) }
  }

  async function shut({ door, drain, routes, bound }: OpenSocket): Promise<void> {
    bound.unbind()
    await routes.close()
    await drain({ clock, graceMs: config.drainTimeoutMs })
    await door.close()
  }
}
