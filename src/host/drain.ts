import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Clock } from '../base/clock.ts'

/** A connection whose last answer ended stays open for its client's next request; nobody tells us but the server. */
const SWEEP_MS = 20

/** What a graceful stop needs to know. */
export interface DrainOptions {
  readonly clock: Clock
  /** How long open requests may still run. */
  readonly graceMs: number
}

/**
 * Stops a server without cutting words: no new connection from now on, idle ones are closed, open requests run to
 * their end. What is still open after `graceMs` is closed hard. Resolves to how many connections that were.
 */
export type Drain = (options: DrainOptions) => Promise<number>

/** Prepares `server` for its graceful stop; to be called before its first request. */
export function drainable(server: Server): Drain {
  const unread = watchUnread(server)
  return ({ clock, graceMs }) => drain(server, unread, clock, graceMs)
}

/** Answers that have not reached the system's buffers as a whole. */
function watchUnread(server: Server): ReadonlySet<ServerResponse> {
  const unread = new Set<ServerResponse>()
  server.prependListener('request', (_request, response) => {
    unread.add(response)
    response.once('close', () => unread.delete(response))
  })
  return unread
}

async function drain(
  server: Server,
  unread: ReadonlySet<ServerResponse>,
  clock: Clock,
  graceMs: number,
): Promise<number> {
  if (!server.listening) return 0
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let cut = 0
  server.prependListener('request', partAfterwards)
  // That of `http` would close what it takes for idle, and so cut answers: see `sweepIdle`.
  NetServer.prototype.close.call(server, () => resolve())
  const cancelSweep = sweepIdle(server, unread, clock)
  const cancelCut = clock.after(graceMs, () => {
    server.getConnections((_error, count) => {
      cut = count
      server.closeAllConnections()
    })
  })
  await closed
  cancelSweep()
  cancelCut()
  server.off('request', partAfterwards)
  return cut
}

/** A request that comes in on an open connection meanwhile is still served, and is the connection's last. */
function partAfterwards(_request: unknown, response: ServerResponse): void {
  response.shouldKeepAlive = false
}

function sweepIdle(server: Server, unread: ReadonlySet<ServerResponse>, clock: Clock): () => void {
  let cancel = () => {}
  const sweep = () => {
    // Node 24 takes a connection for idle once its answer was ended, although a slow reader still waits for half of it.
    const isWaiting = [...unread].some(({ writableEnded }) => writableEnded)
    if (!isWaiting) server.closeIdleConnections()
    cancel = clock.after(SWEEP_MS, sweep)
  }
  sweep()
  return () => cancel()
}
