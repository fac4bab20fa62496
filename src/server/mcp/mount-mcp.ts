import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { McpGateway } from '../../mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../mcp/policy/tool-policy.ts'
import { createHttpServer, type HttpServerOptions } from '../http/http-server.ts'
import { authenticate } from '../http/authenticate.ts'
import type { McpRoutes } from './mcp-routes.ts'

/** The MCP routes of a server. */
export interface MountedMcp {
  /** Ends all sessions and open streams. Call this before a drain, which would wait for them. */
  close(): Promise<void>
}

/** How the MCP routes are mounted. */
export interface MountOptions {
  /** Called at the first request. */
  readonly toolBroker: () => Promise<McpGateway>
  readonly clock: Clock
  /** Options of the server that the routes are mounted on; its trust in callers is read from the server itself. */
  readonly server: Pick<HttpServerOptions, 'name' | 'bodyLimit' | 'logger'>
  /** Whether the guards of the server decide which web pages may call. */
  readonly isGuarded: boolean
}

interface Inner {
  readonly app: FastifyInstance
  readonly routes: McpRoutes
}

/**
 * Serves everything under `/mcp` on a server that has other routes too. The protocol's libraries are several megabytes, so they
 * are loaded with the first request: an inner server, behind the guards of the outer one, takes over its bytes.
 */
export function mountMcp(server: FastifyInstance, options: MountOptions): MountedMcp {
  let inner: Promise<Inner> | undefined
  let isClosed = false
  const open = (): Promise<Inner> => {
    inner ??= openInner(server, options).catch((error: unknown) => {
      inner = undefined
      throw error
    })
    return inner
  }
  const close = async (): Promise<void> => {
    isClosed = true
    await (await inner?.catch(() => undefined))?.routes.close()
  }
  server.register(async (scope) => {
    // Before the outer server reads the body.
    scope.addHook('onRequest', async (request, reply) => {
      if (isClosed) throw new BrokerError('stopping', 'the broker is stopping and opens no new sessions')
      const { app } = await open()
      reply.hijack()
      app.routing(request.raw, reply.raw)
    })
    for (const url of ['/mcp', '/mcp/*']) scope.all(url, () => undefined)
    scope.addHook('onClose', async () => {
      await (await inner?.catch(() => undefined))?.app.close()
    })
  })
  return { close }
}

async function openInner(outer: FastifyInstance, options: MountOptions): Promise<Inner> {
  const { toolBroker, clock, isGuarded } = options
  const { registerMcpRoutes } = await import('./mcp-routes.ts')
  const { trustForwarded, corsOrigins, callerRules: callers } = outer
  const app = createHttpServer({
    name: options.server.name,
    bodyLimit: options.server.bodyLimit,
    logger: options.server.logger,
    trustForwarded,
    corsOrigins,
    callers,
  })
  const routes = await registerMcpRoutes(app, {
    toolBroker: await toolBroker(),
    authenticate: (request): ToolCaller => authenticate(request),
    clock,
    isGuarded,
  })
  await app.ready()
  return { app, routes }
}
