import { Readable } from 'node:stream'

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { BrokerError } from '../../base/errors.ts'
import type { Caller } from '../../auth/caller.ts'
import { openRpcDocument } from '../../wire/rpc/document.ts'
import { roleMay } from '../../wire/rpc/method.ts'
import type { Role } from '../../wire/rpc/method.ts'
import { STREAM_TYPE } from '../../wire/rpc/message.ts'
import { methods } from '../../wire/rpc/methods.ts'
import { answerBody } from './calls/execute-body.ts'
import { createAnswerer } from './calls/execute-call.ts'
import type { Asker, BugLogger } from './calls/execute-call.ts'
import { answerStream, streamCallIn } from './calls/stream-call.ts'
import type { Handlers, StreamHandlers } from './calls/handler-types.ts'
import { PROMETHEUS_TYPE } from './prometheus.ts'

/** What the RPC routes need. */
export interface RpcDoor {
  readonly handlers: Handlers
  readonly streams: StreamHandlers
  /** Identifies the caller; throws `unauthorized` when a token is invalid or missing. Called once per HTTP request. */
  readonly findCaller: (request: FastifyRequest) => Caller | Promise<Caller>
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
export function registerRpc(app: FastifyInstance, door: RpcDoor): MountedRpc {
  const document = openRpcDocument(methods, door.version)
  const answerCall = createAnswerer({ ...door.handlers, 'rpc.discover': async () => document }, door.logger)

  app.get('/openrpc.json', () => document)

  const { prometheus } = door
  if (prometheus !== undefined) {
    app.get('/metrics', async (request, reply) => {
      await createAsker(door, request, reply).as('admin')
      return reply.type(PROMETHEUS_TYPE).send(prometheus())
    })
  }

  const closing = new AbortController()
  app.post('/rpc', async (request, reply) => {
    const asker = createAsker(door, request, reply)
    const call = acceptsStream(request) ? streamCallIn(request.body) : undefined
    if (call !== undefined) {
      const parts = { streams: door.streams, asker, closing: closing.signal, logger: door.logger }
      void reply.type(STREAM_TYPE).header('cache-control', 'no-cache')
      return reply.send(Readable.from(answerStream(call, parts)))
    }
    const answer = await answerBody(request.body, (value, idTexts) => answerCall(value, idTexts, asker))
    if (answer === undefined) return reply.code(204).send()
    return reply.type('application/json; charset=utf-8').send(answer)
  })
  return { endStreams: () => closing.abort() }
}

function acceptsStream({ headers: { accept = '' } }: FastifyRequest): boolean {
  return accept.includes(STREAM_TYPE)
}

function createAsker(door: RpcDoor, request: FastifyRequest, reply: FastifyReply): Asker {
  let found: Promise<Caller> | undefined
  const hangUp = new AbortController()
  reply.raw.once('close', () => hangUp.abort())
  return {
    signal: hangUp.signal,
    async as(role) {
      if (role === 'open') return undefined
      found ??= findCaller(door, request)
      const caller = await found
      const has = door.roleOf?.(caller, request) ?? 'caller'
      if (!roleMay(has, role))
        throw new BrokerError('forbidden', `this needs the role “${role}”, you have “${has}”`)
      return caller
    },
  }
}

async function findCaller(door: RpcDoor, request: FastifyRequest): Promise<Caller> {
  return door.findCaller(request)
}
