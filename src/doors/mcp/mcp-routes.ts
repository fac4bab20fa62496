import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, systemClock } from '../../base/clock.ts'
import { BrokerError, ERRORS, asBrokerError } from '../../base/errors.ts'
import type { McpDoor } from './caller-finder.ts'
import { type AllowedNames, LOCAL_NAMES, refuseForeignPages } from './guards.ts'
import { type LegacySseTransport, createLegacySse } from './legacy-sse.ts'
import { createProtocolServer } from './protocol-server.ts'
import { SessionTable } from './session-table.ts'
import { createStreamableHttp } from './streamable-http.ts'
import { registerToolRoutes } from './tool-routes.ts'
import { leaveSignal, webRequest, writeWebResponse } from './web-response.ts'

const BODY_LIMIT = 4 * 1024 * 1024

export interface McpRoutesOptions extends McpDoor {
  readonly clock?: Clock | undefined
  readonly allowedNames?: AllowedNames | undefined
}

/**
 * Everything under `/mcp` on a Fastify instance: `/mcp` (Streamable HTTP, all revisions), `/mcp/sse` with
 * `/mcp/messages` (clients of 2024), `/mcp/tools` (plain HTTP). Sessions end when the instance closes.
 */
export async function registerMcpRoutes(app: FastifyInstance, options: McpRoutesOptions): Promise<void> {
  const { allowedNames = LOCAL_NAMES, clock = systemClock } = options
  await app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => refuseForeignPages(request, allowedNames))
    scope.setErrorHandler(renderError)
    readJson(scope)
    registerToolRoutes(scope, options)
    registerStreamableHttp(scope, options, clock)
    registerLegacySse(scope, options, clock)
  })
}

function registerStreamableHttp(
  scope: FastifyInstance,
  { toolBroker, findCaller }: McpDoor,
  clock: Clock,
): void {
  const streamable = createStreamableHttp(toolBroker, clock)
  scope.addHook('preClose', () => streamable.close())
  scope.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    bodyLimit: BODY_LIMIT,
    async handler(request, reply) {
      const caller = await findCaller(request)
      const signal = leaveSignal(reply.raw)
      const body = request.body === undefined ? undefined : JSON.stringify(request.body)
      const answer = await streamable.answer(webRequest(request.raw, body, signal), request.body, caller)
      reply.hijack()
      await writeWebResponse(answer, reply.raw, signal)
    },
  })
}

function registerLegacySse(scope: FastifyInstance, { toolBroker, findCaller }: McpDoor, clock: Clock): void {
  const sessions = new SessionTable<LegacySseTransport>(clock)
  scope.addHook('preClose', () => sessions.close())
  scope.get('/mcp/sse', async (request, reply) => {
    const caller = await findCaller(request)
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
      const caller = await findCaller(request)
      const transport = sessions.get(request.query.sessionId ?? '', caller)
      if (transport === undefined)
        throw new BrokerError('not-found', 'there is no such session; open a new stream')
      try {
        transport.receive(request.body)
      } catch (cause) {
        throw new BrokerError('bad-request', 'the body is no JSON-RPC message', { cause })
      }
      return reply.code(202).send('Accepted')
    },
  )
}

/** JSON is the only body here, whatever the instance around us reads. */
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

/** REST callers get the error as data; JSON-RPC callers in the form of their protocol. */
function renderError(thrown: FastifyError | BrokerError, request: FastifyRequest, reply: FastifyReply): void {
  const error = thrown instanceof BrokerError ? thrown : fromFastify(thrown)
  const { http, rpc, type } = ERRORS[error.code]
  const { retryAfter, provider, metadata } = error.details
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter))
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer')
  if (error.code === 'internal') request.log.error({ err: error.cause ?? error }, 'mcp door')
  const speaksRpc = request.routeOptions.url === '/mcp' || request.routeOptions.url === '/mcp/messages'
  const body = speaksRpc
    ? {
        jsonrpc: '2.0',
        id: null,
        error: { code: error.code === 'bad-request' ? -32700 : rpc, message: error.message },
      }
    : {
        error: {
          code: http,
          message: error.message,
          type,
          metadata: { code: error.code, server: provider, ...metadata },
        },
      }
  void reply.code(http).send(body)
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
