import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import {
  renderError,
  withRequestId,
  type ErrorRenderer,
  type RenderedError,
} from './errors/error-response.ts'
import type { CallerRules, Guard, HttpRequest, RouteConfig, ServerSettings } from './node/request-types.ts'
import {
  createNodeServer,
  SERVER_TIMEOUTS,
  type RequestListener,
  type ServerTimeouts,
  type TlsIdentity,
} from './node/node-server.ts'
import { refuseMalformedRequest } from './errors/protocol-errors.ts'
import { createRouteTable } from './errors/not-found.ts'
import { allowOrigins, requireTokenOfPages, type AllowedOrigins } from './cors.ts'
import { acceptCompressedBodies } from './node/compressed-body.ts'
import { FastPath } from './fast-path.ts'
import { verifyFirst } from './verify-first.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether multipart forms reach the handler, unread. */
    readonly acceptsForms?: boolean
  }
  interface FastifyInstance extends ServerSettings {
    readonly fastPath: FastPath
  }
  interface FastifyContextConfig extends RouteConfig {}
}

/** The part of a logger that a server needs; pino has it. */
export interface ServerLogger {
  error(details: object, message: string): void
}

/** How an HTTP server is set up; routes are added afterwards. */
export interface HttpServerOptions {
  /** The name of this server in log lines: `rest`, `rpc`, … */
  readonly name: string
  /** Maximum bytes of a request body; a route may have its own limit. */
  readonly bodyLimit: number
  /** True on a Unix socket, whose peers are inside the trust boundary; false on TCP. */
  readonly trustForwarded: boolean
  /** How callers are identified; by their address alone without it. */
  readonly callers?: CallerRules | undefined
  readonly guards?: readonly Guard[] | undefined
  /** Origins of web pages that may call with a token; none without it. */
  readonly corsOrigins?: AllowedOrigins | undefined
  readonly logger?: ServerLogger | undefined
  /** Called with the status of each response once it is sent. */
  readonly onResponse?: ((status: number) => void) | undefined
  /** Wraps the routes: what it returns handles each request that the request checks let pass. */
  readonly wrap?: ((serve: RequestListener) => RequestListener) | undefined
  /**
   * How errors of a path are rendered whose route does not say so, and of a path without a route; in OpenRouter's form without
   * it. `path` may have a query.
   */
  readonly renderErrorAt?: ((path: string) => ErrorRenderer) | undefined
  readonly timeouts?: Partial<ServerTimeouts> | undefined
  /** For a server that speaks TLS. */
  readonly tls?: TlsIdentity | undefined
}

/**
 * Creates an HTTP server without routes. Add routes, await `ready()`, then bind its `server`. JSON bodies arrive as `Buffer`; a
 * handler throws its errors and the server renders them. A handler that streams calls `reply.hijack()`; from then on
 * the response, its errors included, is up to the handler.
 * `close()` is a hard stop: drain the server first.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { bodyLimit, trustForwarded, corsOrigins, onResponse, wrap = (serve) => serve } = options
  const { renderErrorAt = renderAsOpenRouter } = options
  const guards = guardsOf(options)
  const timeouts = { ...SERVER_TIMEOUTS, ...options.timeouts }
  const settings = {
    trustForwarded,
    callerRules: options.callers ?? {},
    corsOrigins,
    reportBug: bugReporter(options),
  }
  const render = errorRenderer(options, settings)
  const fastPath = new FastPath()
  const server = Fastify({
    serverFactory: (handle) => {
      const longWay = verifyFirst(handle, settings.callerRules.bearerVerifier)
      const serve = fastPath.wrap(longWay, { settings, guards, bodyLimit, render })
      return createNodeServer(
        reportResponses(allowOrigins(corsOrigins)(wrap(serve)), onResponse),
        bodyLimit,
        {
          timeouts,
          defaultsToJson: trustForwarded,
          renderErrorAt,
          tls: options.tls,
        },
      )
    },
    bodyLimit,
    clientErrorHandler: refuseMalformedRequest,
    frameworkErrors: (error, request, reply) => sendRendered(reply, render(request, error)),
    logger: false,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
  })
  server.decorate('trustForwarded', settings.trustForwarded)
  server.decorate('callerRules', settings.callerRules)
  server.decorate('corsOrigins', corsOrigins)
  server.decorate('reportBug', settings.reportBug)
  server.decorate('fastPath', fastPath)
  acceptRawJson(server)
  acceptCompressedBodies(server)
  const routes = createRouteTable(server)
  server.setErrorHandler((error, request, reply) => sendRendered(reply, render(request, error)))
  server.setNotFoundHandler((request, reply) =>
    sendRendered(reply, render(request, routes.explainNotFound(request, reply))),
  )
  for (const guard of guards) {
    server.addHook('onRequest', (request, _reply, done) => {
      guard(request)
      done()
    })
  }
  server.addHook('preClose', async () => {
    server.server.close()
    server.server.closeAllConnections()
  })
  return server
}

/** A page of another origin needs a token wherever it is let in. */
function guardsOf({ guards = [], corsOrigins }: HttpServerOptions): readonly Guard[] {
  return corsOrigins === undefined || corsOrigins.size === 0
    ? guards
    : [...guards, requireTokenOfPages(corsOrigins)]
}

/** Reports every response that is sent, whether Fastify, the fast path or a wrapper sent it. */
function reportResponses(
  serve: RequestListener,
  onResponse: HttpServerOptions['onResponse'],
): RequestListener {
  if (onResponse === undefined) return serve
  return (request, response) => {
    response.on('finish', () => onResponse(response.statusCode))
    serve(request, response)
  }
}

/** Bodies stay bytes: they are spliced and passed on upstream, without being serialised again. */
function acceptRawJson(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  for (const type of ['application/json', 'text/plain']) {
    server.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  }
  server.addContentTypeParser('multipart/form-data', ({ routeOptions }, _payload, done) => {
    const { acceptsForms } = routeOptions.config
    done(acceptsForms === true ? null : new BrokerError('unsupported-media', READS_JSON))
  })
}

const READS_JSON =
  'this route reads JSON: send Content-Type: application/json (with curl: -H "Content-Type: application/json")'

function bugReporter({ name, logger }: HttpServerOptions): ServerSettings['reportBug'] {
  return ({ method, routeOptions }, thrown) =>
    logger?.error({ listener: name, method, route: routeOptions.url, err: thrown }, 'a bug')
}

function errorRenderer(
  { bodyLimit, renderErrorAt = renderAsOpenRouter }: HttpServerOptions,
  { reportBug }: ServerSettings,
) {
  return (request: HttpRequest, thrown: unknown): RenderedError => {
    const error = fromFastify(thrown, bodyLimit)
    if (!(error instanceof BrokerError) || error.code === 'internal') reportBug(request, error)
    const render = request.routeOptions.config?.renderError ?? renderErrorAt(request.raw.url ?? '')
    return withRequestId(render(error))
  }
}

const renderAsOpenRouter = (): ErrorRenderer => renderError

function sendRendered(reply: FastifyReply, { status, headers, body }: RenderedError): void {
  const { 'x-request-id': id, ...others } = headers
  if (id !== undefined && !reply.hasHeader('x-request-id')) void reply.header('x-request-id', id)
  void reply.code(status).headers(others).type('application/json; charset=utf-8').send(JSON.stringify(body))
}

/** Turns Fastify's own errors into ours; any other thrown value stays as it is. */
function fromFastify(thrown: unknown, bodyLimit: number): unknown {
  if (!isFastifyError(thrown)) return thrown
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new BrokerError('too-large', `the body is larger than this route reads (${bodyLimit} bytes)`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new BrokerError('unsupported-media', READS_JSON)
    default:
      if (thrown.statusCode === undefined || thrown.statusCode >= 500) return thrown
      return new BrokerError('bad-request', thrown.message, { cause: thrown })
  }
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return (
    thrown instanceof Error &&
    // Fastify gives an error of a body that it reads a status, whoever threw it.
    !(thrown instanceof BrokerError) &&
    'code' in thrown &&
    'statusCode' in thrown &&
    typeof thrown.code === 'string'
  )
}
