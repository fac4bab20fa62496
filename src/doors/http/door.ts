import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type onRequestHookHandler,
} from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import { renderError, type RenderedError } from './error-envelope.ts'
import type { CallerRules } from './find-caller.ts'
import { createGroundServer, PATIENCE, type Handler, type Patience } from './ground-server.ts'
import { refuseBytes } from './raw-refusal.ts'
import { createRouteBook } from './route-book.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether forwarded headers on this door come from a front we trust: true on Unix sockets only. */
    readonly trustForwarded: boolean
    readonly callerRules: CallerRules
    /** For what went wrong in us after an answer began: the caller has been told, the log hasn't. */
    readonly reportBug: (reply: FastifyReply, thrown: unknown) => void
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
  /** Hooks that may refuse a request before its body is read. */
  readonly onRequest?: readonly onRequestHookHandler[] | undefined
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
  const patience = { ...PATIENCE, ...options.patience }
  const reportBug = bugReporter(options)
  const renderTo = errorRenderer(options, reportBug)
  const { around = (serve) => serve } = options
  const door = Fastify({
    serverFactory: (handle) => createGroundServer(around(handle), options.bodyLimit, patience),
    bodyLimit: options.bodyLimit,
    clientErrorHandler: refuseBytes,
    frameworkErrors: (error, _request, reply) => renderTo(reply, error),
    logger: false,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
  })
  door.decorate('trustForwarded', options.trustForwarded)
  door.decorate('callerRules', options.callers ?? {})
  door.decorate('reportBug', reportBug)
  acceptRawJson(door)
  const routes = createRouteBook(door)
  door.setErrorHandler((error, _request, reply) => renderTo(reply, error))
  door.setNotFoundHandler((request, reply) => renderTo(reply, routes.explainMiss(request, reply)))
  for (const hook of options.onRequest ?? []) door.addHook('onRequest', hook)
  const { onAnswer } = options
  if (onAnswer !== undefined) {
    door.addHook('onResponse', (_request, reply, done) => {
      onAnswer(reply.raw.statusCode)
      done()
    })
  }
  door.addHook('preClose', async () => {
    door.server.close()
    door.server.closeAllConnections()
  })
  return door
}

/** Bodies stay bytes: whoever passes them on upstream splices, and need not parse and write them again. */
function acceptRawJson(door: FastifyInstance): void {
  door.removeAllContentTypeParsers()
  for (const type of ['application/json', 'text/plain']) {
    door.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  }
}

type ReportBug = FastifyInstance['reportBug']

function bugReporter({ name, logger }: DoorOptions): ReportBug {
  return ({ request: { method, routeOptions } }, thrown) =>
    logger?.error({ door: name, method, route: routeOptions.url, err: thrown }, 'a bug')
}

function errorRenderer({ bodyLimit, render = renderError }: DoorOptions, reportBug: ReportBug) {
  return (reply: FastifyReply, thrown: unknown): void => {
    const error = fromFastify(thrown, bodyLimit)
    if (!(error instanceof BrokerError) || error.code === 'internal') reportBug(reply, error)
    const { status, headers, body } = render(error)
    void reply
      .code(status)
      .headers(headers)
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(body))
  }
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
