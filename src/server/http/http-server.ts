import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import { renderError, type RenderedError } from './errors/error-response.ts'
import type { CallerRules, DoorRequest, DoorRules, Guard } from './node/request-types.ts'
import { createGroundServer, PATIENCE, type Handler, type Patience } from './node/node-server.ts'
import { refuseBytes } from './errors/protocol-errors.ts'
import { createRouteBook } from './errors/not-found.ts'
import { ShortWay } from './fast-path/fast-path.ts'
import { verifyFirst } from './verify-first.ts'

declare module 'fastify' {
  interface FastifyInstance extends DoorRules {
    readonly shortWay: ShortWay
  }
}

/** The part of a logger that a door needs; pino fits. */
export interface DoorLogger {
  error(details: object, message: string): void
}

export interface DoorOptions {
  /** What log lines call this door: `rest`, `rpc`, … */
  readonly name: string
  /** Most bytes of a request body; a route may have its own. */
  readonly bodyLimit: number
  /** True on a Unix socket, whose peers are inside the trust boundary; false on TCP. */
  readonly trustForwarded: boolean
  /** How callers are told apart; by their address alone without it. */
  readonly callers?: CallerRules | undefined
  readonly guards?: readonly Guard[] | undefined
  readonly logger?: DoorLogger | undefined
  /** Hears the status of each answer once it is out. */
  readonly onAnswer?: ((status: number) => void) | undefined
  /** Stands before the routes: what it returns takes each request that the security floor lets pass. */
  readonly around?: ((serve: Handler) => Handler) | undefined
  /** How this door words errors, if not as OpenRouter does. */
  readonly render?: ((thrown: unknown) => RenderedError) | undefined
  readonly patience?: Partial<Patience> | undefined
}

/**
 * The ground a door stands on. Add routes, await `ready()`, then bind `door.server`. JSON bodies arrive as `Buffer`; a
 * handler throws what goes wrong and the door renders it. A handler that streams calls `reply.hijack()`; from then on
 * the answer, its errors included, is its own.
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
  door.decorate('shortWay', shortWay)
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

/** Tells of every answer that is out, whoever gave it. */
function counted(serve: Handler, onAnswer: DoorOptions['onAnswer']): Handler {
  if (onAnswer === undefined) return serve
  return (request, response) => {
    response.on('finish', () => onAnswer(response.statusCode))
    serve(request, response)
  }
}

/** Bodies stay bytes: whoever passes them on upstream splices, and need not parse and write them again. */
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

/** Fastify's own refusals in our words; anything else as it is. */
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
