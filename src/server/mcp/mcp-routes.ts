import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, systemClock } from '../../base/clock.ts'
import { isLoopback } from '../../auth/address.ts'
import { BrokerError, ERRORS, asBrokerError } from '../../base/errors.ts'
import { renderError } from '../http/errors/error-response.ts'
import { refuseForeignPage } from '../http/foreign-pages.ts'
import type { McpAccess } from './caller-lookup.ts'
import { type LegacySseTransport, createLegacySse } from './transport/legacy-sse.ts'
import { acceptBothForms, acceptedForms, inAcceptedForm } from './transport/accept-header.ts'
import { createProtocolServer } from './protocol/protocol-server.ts'
import { SessionTable } from './sessions/session-table.ts'
import { type StreamableHttp, createStreamableHttp } from './transport/streamable-http.ts'
import { registerToolRoutes } from './tool-routes.ts'
import { disconnectSignal, closeSignal, webRequest, writeWebResponse } from './transport/web-response.ts'

const BODY_LIMIT = 4 * 1024 * 1024
const PARSE_ERROR = -32700

export interface McpRoutesOptions extends McpAccess {
  readonly clock?: Clock | undefined
  /** The server's own guards decide which web pages may call; without them only pages of this machine may. */
  readonly isGuarded?: boolean | undefined
}

export interface McpRoutes {
  /** Ends all sessions and open streams. Call this before a drain, which would wait for them. */
  close(): Promise<void>
}

/**
 * Everything under `/mcp` on a Fastify instance: `/mcp` (Streamable HTTP, all revisions), `/mcp/sse` with
 * `/mcp/messages` (clients of 2024), `/mcp/tools` (plain HTTP). Sessions end when the instance closes.
 */
export async function registerMcpRoutes(app: FastifyInstance, options: McpRoutesOptions): Promise<McpRoutes> {
  const { toolBroker, isGuarded = false, clock = systemClock } = options
  const streamable = createStreamableHttp(toolBroker, clock)
  const sseSessions = new SessionTable<LegacySseTransport>(clock)
  const close = async (): Promise<void> => {
    await Promise.all([streamable.close(), sseSessions.close()])
  }
  await app.register(async (scope) => {
    if (!isGuarded) scope.addHook('onRequest', async (request) => requireLocalPage(request))
    scope.addHook('preClose', close)
    scope.setErrorHandler(renderRpcError)
    readJson(scope)
    registerToolRoutes(scope, options)
    registerStreamableHttp(scope, options, streamable)
    registerLegacySse(scope, options, { sessions: sseSessions, clock })
  })
  return { close }
}

/** Browsers can't open Unix sockets, so there `Host` may be anything. Throws `forbidden`. */
function requireLocalPage({ headers, socket, server }: FastifyRequest): void {
  const { host = '' } = headers
  const origin = server.corsOrigins?.has(headers.origin ?? '') === true ? undefined : headers.origin
  const isUnixSocket = socket.remoteAddress === undefined
  refuseForeignPage({ host: isUnixSocket ? undefined : host, origin }, isLoopback)
}

function registerStreamableHttp(
  scope: FastifyInstance,
  { authenticate }: McpAccess,
  streamable: StreamableHttp,
): void {
  scope.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    bodyLimit: BODY_LIMIT,
    async handler(request, reply) {
      const caller = await authenticate(request)
      const signal = disconnectSignal(reply.raw)
      const body = request.body === undefined ? undefined : JSON.stringify(request.body)
      const raw = webRequest(request.raw, body, signal)
      const forms = acceptedForms(raw.headers.get('accept'))
      acceptBothForms(raw.headers)
      const call = { request: raw, body: request.body, caller }
      const response = await streamable.handle({ ...call, finished: closeSignal(reply.raw) })
      const accepted =
        request.method === 'POST' ? await inAcceptedForm(response, forms, request.body) : response
      reply.hijack()
      await writeWebResponse(accepted, reply.raw, signal)
    },
  })
}

function registerLegacySse(
  scope: FastifyInstance,
  { toolBroker, authenticate }: McpAccess,
  { sessions, clock }: { sessions: SessionTable<LegacySseTransport>; clock: Clock },
): void {
  scope.get('/mcp/sse', async (request, reply) => {
    const caller = await authenticate(request)
    sessions.admit(caller)
    const transport = createLegacySse(reply.raw, '/mcp/messages', clock)
    sessions.add(transport.sessionId, caller, transport)
    reply.raw.once('close', () => sessions.delete(transport.sessionId))
    reply.hijack()
    await createProtocolServer(toolBroker, caller, 'session').server.connect(transport)
  })
  scope.post<{ Querystring: { sessionId?: string } }>(
    '/mcp/messages',
    { bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      const caller = await authenticate(request)
      const transport = sessions.get(request.query.sessionId ?? '', caller)
      if (transport === undefined)
        throw new BrokerError('not-found', 'there is no such session; open a new stream')
      try {
        transport.receive(request.body)
      } catch (cause) {
        throw new BrokerError('bad-request', 'the body is not a JSON-RPC message', { cause })
      }
      return reply.code(202).send('Accepted')
    },
  )
}

/** JSON is the only body type here, whatever the surrounding instance accepts. */
function readJson(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined)
    try {
      done(null, JSON.parse(String(text)))
    } catch (cause) {
      done(new BrokerError('bad-request', 'the body is not JSON', { cause }))
    }
  })
}

/** Renders errors of the JSON-RPC routes in that protocol; those of other routes are left to the surrounding server. */
function renderRpcError(
  thrown: FastifyError | BrokerError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { url } = request.routeOptions
  if (url !== '/mcp' && url !== '/mcp/messages') throw thrown
  const error = thrown instanceof BrokerError ? thrown : fromFastify(thrown)
  // A bug of ours: the server logs it.
  if (error.code === 'internal') throw thrown
  const { status, headers } = renderError(error)
  const code = error.code === 'bad-request' ? PARSE_ERROR : ERRORS[error.code].rpc
  void reply
    .code(status)
    .headers(headers)
    .send({ jsonrpc: '2.0', id: null, error: { code, message: error.message } })
}

function fromFastify(error: FastifyError): BrokerError {
  if (error.statusCode === 413)
    return new BrokerError('too-large', `the body is larger than ${BODY_LIMIT} bytes`)
  if (error.statusCode === 415)
    return new BrokerError('unsupported-media', 'the body must be application/json')
  if (error.statusCode !== undefined && error.statusCode < 500)
    return new BrokerError('bad-request', error.message)
  return asBrokerError(error)
}
