import { rmSync } from 'node:fs'
import type { HttpRequest } from '../../../server/http/node/request-types.ts'
import {
  openRpcListener,
  openInternalListeners,
  internalSocketFolder,
  type ListenerParts,
  type Listeners,
} from '../../listeners/listeners.ts'
import { startWorkerPool, type WorkerPool, type WorkerPoolParts } from './worker-pool.ts'
import { PEER_HEADER } from '../worker/forward-to-primary.ts'

export interface ClusteredListeners extends Listeners {
  readonly broadcast: WorkerPool['broadcast']
}

/**
 * Opens the listeners of a broker with workers: workers share the public sockets; the primary keeps `rpc.sock` and the internal
 * listeners, to which workers forward what only the primary can serve.
 */
export async function openClusteredListeners(
  parts: ListenerParts & Pick<WorkerPoolParts, 'flags' | 'state'>,
): Promise<ClusteredListeners> {
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(internalSocketFolder(parts.sockets), { recursive: true, force: true }))
  const internal = stack.use(await openInternalListeners(parts, { tcp: forwardedPeer }))
  const rpc = stack.use(await openRpcListener(parts))
  const workerPool = await startWorkerPool(parts)
  stack.defer(async () => {
    await internal.endSessions()
    await Promise.all([workerPool.close(), rpc[Symbol.asyncDispose]()])
  })
  const all = stack.move()
  return {
    tcp: workerPool.tcp,
    broadcast: (topic) => workerPool.broadcast(topic),
    endSessions: () => internal.endSessions(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The peer address that the worker reports. Only workers can reach the internal listeners. */
function forwardedPeer({ headers }: HttpRequest): string | undefined {
  const peer = headers[PEER_HEADER]
  return typeof peer === 'string' ? peer : undefined
}
