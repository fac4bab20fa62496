import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import { renderError, type RenderedError } from './errors/error-response.ts'
import type { CallerRules, DoorRequest, DoorRules, Guard } from './node/request-types.ts'
import { createGroundServer, PATIENCE, type Handler, type Patience } from './node/node-server.ts'
import { refuseBytes } from './errors/protocol-errors.ts'
import { createRouteBook } from './errors/not-found.ts'
import { ShortWay } from './fast-path.ts'
import { verifyFirst } from './verify-first.ts'

declare module 'fastify' {
  interface FastifyInstance extends DoorRules {
    readonly fastPath: ShortWay
  }
}

/** The part of a logger that a server needs; pino has it. */
export interface DoorLogger {
  error(details: object, message: string): void
}

/** How an HTTP server is set up; routes are added afterwards. */
export interface DoorOptions {
  /** The name of this server in log lines: `rest`, `rpc`, … */
  readonly name: string
  /** Maximum bytes of a request body; a route may have its own limit. */
  readonly bodyLimit: number
  /** True on a Unix socket, whose peers are inside the trust boundary; false on TCP. */
  readonly trustForwarded: boolean
  /** How callers are identified; by their address alone without it. */
  readonly callers?: CallerRules | undefined
  readonly guards?: readonly Guard[] | undefined
  readonly logger?: DoorLogger | undefined
  /** Called with the status of each response once it is sent. */
  readonly onAnswer?: ((status: number) => void) | undefined
  /** Wraps the routes: what it returns handles each request that the request checks let pass. */
  readonly around?: ((serve: Handler) => Handler) | undefined
  /** How this server renders errors, if not in OpenRouter's form. */
  readonly render?: ((thrown: unknown) => RenderedError) | undefined
  readonly patience?: Partial<Patience> | undefined
}

/**
 * Creates an HTTP server without routes. Add routes, await `ready()`, then bind its `server`. JSON bodies arrive as `Buffer`; a
 * handler throws its errors and the server renders them. A handler that streams calls `reply.hijack()`; from then on
 * the response, its errors included, is up to the handler.
 * `close()` is a hard stop: drain the server first.
 */
export function createDoor(options: DoorOptions): FastifyInstance {
  const { bodyLimit, trustForwarded, guards = [], onAnswer, around = (serve) => serve } = options
  const patience = { ...PATIENCE, ...options.patience }
  const rules = { trustForwarded, callerRules: options.callers ?? {}, reportBug: bugReporter(options) }
  const render = errorRenderer(options, rules)
  const shortWay = new ShortWay()
  const door = Fastify({
    serverFactory: (handle) => {
      const longWay = verifyFirst(handle, rules.callerRules.gate)
      const serve = shortWay.before(longWay, { rules, guards, bodyLimit, render })
      return createGroundServer(counted(around(serve), onAnswer), bodyLimit, patience)
    },
    bodyLimit,
    clientErrorHandler: refuseBytes,
    frameworkErrors: (error, request, reply) => tell(reply, render(request, error)),
    logger: false,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
  })
  door.decorate('trustForwarded', rules.trustForwarded)
  door.decorate('callerRules', rules.callerRules)
  door.decorate('reportBug', rules.reportBug)
  door.decorate('fastPath', shortWay)
  acceptRawJson(door)
  const routes = createRouteBook(door)
  door.setErrorHandler((error, request, reply) => tell(reply, render(request, error)))
  door.setNotFoundHandler((request, reply) =>
    tell(reply, render(request, routes.explainMiss(request, reply))),
  )
  for (const guard of guards) {
    door.addHook('onRequest', (request, _reply, done) => {
      guard(request)
      done()
    })
  }
  door.addHook('preClose', async () => {
    door.server.close()
    door.server.closeAllConnections()
  })
  return door
}

/** Reports every response that is sent, whether Fastify, the fast path or a wrapper sent it. */
function counted(serve: Handler, onAnswer: DoorOptions['onAnswer']): Handler {
  if (onAnswer === undefined) return serve
  return (request, response) => {
    response.on('finish', () => onAnswer(response.statusCode))
    serve(request, response)
  }
}

/** Bodies stay bytes: they are spliced and passed on upstream, without being serialised again. */
function acceptRawJson(door: FastifyInstance): void {
  door.removeAllContentTypeParsers()
  for (const type of ['application/json', 'text/plain']) {
    door.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  }
}

function bugReporter({ name, logger }: DoorOptions): DoorRules['reportBug'] {
  return ({ method, routeOptions }, thrown) =>
    logger?.error({ door: name, method, route: routeOptions.url, err: thrown }, 'a bug')
}

function errorRenderer({ bodyLimit, render = renderError }: DoorOptions, { reportBug }: DoorRules) {
  return (request: DoorRequest, thrown: unknown): RenderedError => {
    const error = fromFastify(thrown, bodyLimit)
    if (!(error instanceof BrokerError) || error.code === 'internal') reportBug(request, error)
    return render(error)
  }
}

function tell(reply: FastifyReply, { status, headers, body }: RenderedError): void {
  void reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body))
}

/** Turns Fastify's own errors into ours; any other thrown value stays as it is. */
function fromFastify(thrown: unknown, bodyLimit: number): unknown {
  if (!isFastifyError(thrown)) return thrown
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new BrokerError('too-large', `the body is larger than this route reads (${bodyLimit} bytes)`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new BrokerError(
        'unsupported-media',
        'this route reads JSON: send Content-Type: application/json (with curl: -H "Content-Type: application/json")',
      )
    default:
      if (thrown.statusCode === undefined || thrown.statusCode >= 500) return thrown
      return new BrokerError('bad-request', thrown.message, { cause: thrown })
  }
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return (
    thrown instanceof Error && 'code' in thrown && 'statusCode' in thrown && typeof thrown.code === 'string'
  )
}
