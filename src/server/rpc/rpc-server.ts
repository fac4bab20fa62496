import { Readable } from 'node:stream'

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { BrokerError } from '../../base/errors.ts'
import type { Caller } from '../../auth/caller.ts'
import { openRpcDocument } from '../../wire/rpc/document.ts'
import { roleMay } from '../../wire/rpc/method.ts'
import type { Role } from '../../wire/rpc/method.ts'
import { STREAM_TYPE } from '../../wire/rpc/message.ts'
import { methods } from '../../wire/rpc/methods.ts'
import { executeBody } from './calls/execute-body.ts'
import { createCallExecutor } from './calls/execute-call.ts'
import type { CallContext, BugLogger } from './calls/execute-call.ts'
import { executeStream, streamCallIn } from './calls/stream-call.ts'
import type { Handlers, StreamHandlers } from './calls/handler-types.ts'
import { PROMETHEUS_TYPE } from './prometheus.ts'

/** What the RPC routes need. */
export interface RpcOptions {
  readonly handlers: Handlers
  readonly streams: StreamHandlers
  /** Identifies the caller; throws `unauthorized` when a token is invalid or missing. Called once per HTTP request. */
  readonly authenticate: (request: FastifyRequest) => Caller | Promise<Caller>
  /** The role of a caller. Without it no caller is an administrator. */
  readonly roleOf?: ((caller: Caller, request: FastifyRequest) => Role) | undefined
  /** The counters in Prometheus' format, for administrators at `GET /metrics`. */
  readonly prometheus?: (() => string) | undefined
  /** The broker's version, for the OpenRPC document. */
  readonly version: string
  /** Receives bugs; pino has the same method. */
  readonly logger?: BugLogger | undefined
}

/** The RPC routes of a server. Streams last until their clients disconnect: end them before a drain. */
export interface MountedRpc {
  endStreams(): void
}

/**
 * Serves JSON-RPC 2.0 at `POST /rpc`, the contract at `GET /openrpc.json` and counters at `GET /metrics`. The status is 200 even
 * if a call fails, and 204 when there is no response; a streaming method sends events to clients that accept them. The Fastify
 * instance passes JSON bodies as raw buffers and limits their size.
 */
export function registerRpc(app: FastifyInstance, options: RpcOptions): MountedRpc {
  const document = openRpcDocument(methods, options.version)
  const executeCall = createCallExecutor(
    { ...options.handlers, 'rpc.discover': async () => document },
    options.logger,
  )

  app.get('/openrpc.json', () => document)

  const { prometheus } = options
  if (prometheus !== undefined) {
    app.get('/metrics', async (request, reply) => {
      await createCallContext(options, request, reply).requireRole('admin')
      return reply.type(PROMETHEUS_TYPE).send(prometheus())
    })
  }

  const closing = new AbortController()
  app.post('/rpc', async (request, reply) => {
    const context = createCallContext(options, request, reply)
    const call = acceptsStream(request) ? streamCallIn(request.body) : undefined
    if (call !== undefined) {
      const parts = {
        streams: options.streams,
        context,
        closing: closing.signal,
        logger: options.logger,
      }
      void reply.type(STREAM_TYPE).header('cache-control', 'no-cache')
      return reply.send(Readable.from(executeStream(call, parts)))
    }
    const response = await executeBody(request.body, (value, idTexts) => executeCall(value, idTexts, context))
    if (response === undefined) return reply.code(204).send()
    return reply.type('application/json; charset=utf-8').send(response)
  })
  return { endStreams: () => closing.abort() }
}

function acceptsStream({ headers: { accept = '' } }: FastifyRequest): boolean {
  return accept.includes(STREAM_TYPE)
}

function createCallContext(options: RpcOptions, request: FastifyRequest, reply: FastifyReply): CallContext {
  let found: Promise<Caller> | undefined
  const disconnect = new AbortController()
  reply.raw.once('close', () => disconnect.abort())
  return {
    signal: disconnect.signal,
    async requireRole(role) {
      if (role === 'open') return undefined
      found ??= authenticate(options, request)
      const caller = await found
      const has = options.roleOf?.(caller, request) ?? 'caller'
      if (!roleMay(has, role))
        throw new BrokerError('forbidden', `this needs the role “${role}”, you have “${has}”`)
      return { ...caller, role: has }
    },
  }
}

async function authenticate(options: RpcOptions, request: FastifyRequest): Promise<Caller> {
  return options.authenticate(request)
}
