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

export interface RpcDoor {
  readonly handlers: Handlers
  readonly streams: StreamHandlers
  /** Who asks; throws what the caller should hear when a token is bad or missing. Asked once per HTTP request. */
  readonly findCaller: (request: FastifyRequest) => Caller | Promise<Caller>
  /** What the caller may do. Without it nobody is an administrator. */
  readonly roleOf?: ((caller: Caller, request: FastifyRequest) => Role) | undefined
  /** The counters in Prometheus' format, for administrators at `GET /metrics`. */
  readonly prometheus?: (() => string) | undefined
  /** The broker's version, for the OpenRPC document. */
  readonly version: string
  /** Hears of bugs; pino fits. */
  readonly logger?: BugLogger | undefined
}

/** Streams last as long as their readers like: they are ended before a drain. */
export interface MountedRpc {
  endStreams(): void
}

/**
 * JSON-RPC 2.0 at `POST /rpc`, the contract at `GET /openrpc.json`, counters at `GET /metrics`. Answers are HTTP 200 whatever became of the
 * call, 204 when there is nothing to answer; a method that streams goes on answering to who accepts that. The Fastify instance hands JSON bodies over as raw buffers and bounds them.
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
