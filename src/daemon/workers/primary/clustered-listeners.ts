import { rmSync } from 'node:fs'
import type { HttpRequest } from '../../../server/http/node/request-types.ts'
import {
  openRpcListener,
  openInternalListeners,
  internalSocketFolder,
  type ListenerParts,
  type Listeners,
} from '../../listeners/listeners.ts'
import type { WorkerBroadcast } from './worker-broadcast.ts'
import { createWorkerPool, type WorkerPoolParts } from './worker-pool.ts'
import { PEER_HEADER } from '../worker/forward-to-primary.ts'

export interface ClusteredListeners extends Listeners {
  /** Whether a worker serves the shared sockets now. */
  isServing(): boolean
}

/**
 * Opens the listeners of a broker with workers: workers share the public sockets; the primary keeps `rpc.sock` and the internal
 * listeners, to which workers forward what only the primary can serve. Changes are broadcast from before the first worker is
 * started, and `rpc.sock` opens when all workers are ready.
 */
export async function openClusteredListeners(
  parts: ListenerParts &
    Pick<WorkerPoolParts, 'flags' | 'state'> & { readonly broadcast: Pick<WorkerBroadcast, 'connect'> },
): Promise<ClusteredListeners> {
  await using stack = new AsyncDisposableStack()
  const removeInternal = (): void =>
    rmSync(internalSocketFolder(parts.sockets), { recursive: true, force: true })
  // One that a killed broker left may have been opened to others; a new folder is private.
  removeInternal()
  stack.defer(removeInternal)
  const internal = stack.use(await openInternalListeners(parts, { tcp: forwardedPeer }))
  const workerPool = await createWorkerPool(parts)
  let rpc: Listeners | undefined
  stack.defer(async () => {
    await internal.endSessions()
    await Promise.all([workerPool.close(), rpc?.[Symbol.asyncDispose]()])
  })
  parts.broadcast.connect((topic) => workerPool.broadcast(topic))
  await workerPool.start()
  rpc = await openRpcListener(parts)
  const all = stack.move()
  return {
    tcp: workerPool.tcp,
    isServing: () => workerPool.isServing(),
    endSessions: () => internal.endSessions(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The peer address that the worker reports. Only workers can reach the internal listeners. */
function forwardedPeer({ headers }: HttpRequest): string | undefined {
  const peer = headers[PEER_HEADER]
  return typeof peer === 'string' ? peer : undefined
}
