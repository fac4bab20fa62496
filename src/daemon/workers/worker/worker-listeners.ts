import type { FastifyInstance } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { HttpServices, InferenceServices } from '../../../inference/services/services.ts'
import { looksLikeCredential } from '../../../auth/caller-credentials.ts'
import { bearerOf } from '../../../auth/verify-bearer.ts'
import { LEASE_HEADER } from '../../../cascade/hop/hop-headers.ts'
import type { Clock } from '../../../base/clock.ts'
import type { FastRoute } from '../../../server/http/fast-path.ts'
import { createHttpServer, type HttpServerOptions } from '../../../server/http/http-server.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../../server/http/node/request-types.ts'
import {
  addInferenceRoutes,
  INFERENCE_ROUTES,
  REST_PREFIXES,
  type RestPrefix,
} from '../../../server/rest/routes.ts'
import { bindTcp, bindSharedUnixSocket } from '../../../runtime/bind.ts'
import type { DrainTimer } from '../../../runtime/drain-timer.ts'
import { drainable, type Drain } from '../../../runtime/drain.ts'
import type { SocketPaths } from '../../../runtime/socket-paths.ts'
import {
  drainAll,
  inContext,
  optionsFor,
  restListeners,
  tcpOptions,
  internalSocketFolder,
  internalSocketPath,
  type OptionParts,
} from '../../listeners/listeners.ts'
import { createForwarder, type Forwarder } from './forward-to-primary.ts'
import { ForwardRequired } from '../../../server/rest/inference/forward-required.ts'

export interface WorkerListenerParts extends OptionParts {
  readonly clock: Clock
  readonly services: InferenceServices
  readonly http: HttpServices
  readonly sockets: SocketPaths
  readonly drainTimer: DrainTimer
}

export interface WorkerListeners extends AsyncDisposable {
  /** Of the TCP listener. */
  readonly port: number | undefined
}

interface OpenWorkerListener {
  readonly server: FastifyInstance
  readonly drain: Drain
  readonly forward: Forwarder
}

/** Opens the listeners that workers share. Disposing drains them. */
export async function openWorkerListeners(parts: WorkerListenerParts): Promise<WorkerListeners> {
  const { config, sockets } = parts
  const open: OpenWorkerListener[] = []
  for (const { name, path, prefixes, context } of restListeners(config, sockets)) {
    const plain = optionsFor(name, parts)
    const built = buildWorkerListener(
      context === undefined ? plain : inContext(context, plain),
      prefixes,
      parts,
    )
    open.push(built)
    await built.server.ready()
    await bindSharedUnixSocket(built.server.server, path, internalSocketFolder(sockets))
  }
  const port = config.listen === undefined ? undefined : await openTcp(config.listen, parts, open)
  return {
    port,
    async [Symbol.asyncDispose]() {
      await drainAll(open, parts)
      for (const { forward } of open) forward.close()
    },
  }
}

async function openTcp(
  listen: { readonly address: string; readonly port: number },
  parts: WorkerListenerParts,
  open: OpenWorkerListener[],
): Promise<number> {
  const built = buildWorkerListener(tcpOptions(listen, parts), REST_PREFIXES, parts)
  open.push(built)
  await built.server.ready()
  const { port } = await bindTcp(built.server.server, listen.address, listen.port)
  return port
}

/** Serves what a worker can serve, and forwards the rest to the primary's internal listener of the same name. */
function buildWorkerListener(
  options: HttpServerOptions,
  prefixes: readonly RestPrefix[],
  { services, http, sockets }: WorkerListenerParts,
): OpenWorkerListener {
  const forward = createForwarder(internalSocketPath(sockets, options.name))
  // Files are kept in one process, the primary.
  const served = INFERENCE_ROUTES.filter(({ acceptsForms }) => acceptsForms !== true)
  const servedPaths = new Set(prefixes.flatMap((prefix) => served.map(({ path }) => prefix.path + path)))
  const server = createHttpServer({
    ...options,
    wrap: (serve) => (request, response) => {
      if (isServedHere(request, servedPaths)) serve(request, response)
      else forward(request, response)
    },
  })
  const wrap =
    (handle: FastRoute['handle']): FastRoute['handle'] =>
    async (request, reply) => {
      try {
        await handle(request, reply)
      } catch (error) {
        if (!(error instanceof ForwardRequired)) throw error
        forwardWithBody(request, reply, forward)
      }
    }
  addInferenceRoutes(server, prefixes, { services, http, replay: undefined, wrap })
  return { server, drain: drainable(server.server), forward }
}

/** Headers that ask for what the primary alone keeps: stored responses, and leases. */
const REPLAY_HEADERS = ['idempotency-key', 'x-openrouter-cache', LEASE_HEADER] as const

/** Inference is served here, as it costs the most CPU. Responses stored for repeats are stored in one process, the primary. */
function isServedHere(
  { method, url = '', headers }: IncomingMessage,
  servedPaths: ReadonlySet<string>,
): boolean {
  if (method !== 'POST' || REPLAY_HEADERS.some((name) => headers[name] !== undefined)) return false
  // Only the primary knows which tool calls are running.
  if (headers.authorization !== undefined && looksLikeCredential(bearerOf(headers.authorization)))
    return false
  const query = url.indexOf('?')
  return servedPaths.has(query < 0 ? url : url.slice(0, query))
}

function forwardWithBody(request: HttpRequest, reply: HttpReply, forward: Forwarder): void {
  reply.hijack()
  forward.withBody(request.raw, reply.raw, bytesOf(request))
}
