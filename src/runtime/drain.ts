import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { DrainTimer } from './drain-timer.ts'

/** Interval of closing idle connections: there is no event for a connection that becomes idle after its response. */
const SWEEP_MS = 20

/** Options of a graceful stop. */
export interface DrainOptions {
  readonly clock: Clock
  /** How long open requests may continue; with `timer`, how long beyond its drain timeout. */
  readonly graceMs: number
  readonly timer?: Pick<DrainTimer, 'after'> | undefined
}

/**
 * Stops a server gracefully: it accepts no new connection, idle connections are closed, and open requests run to their end.
 * Connections that are still open after `graceMs` are destroyed. Resolves with the number of destroyed connections.
 */
export type Drain = (options: DrainOptions) => Promise<number>

/** Prepares `server` for its graceful stop. Call it before the first request. */
export function drainable(server: Server): Drain {
  const responses = trackResponses(server)
  return (options) => drain(server, responses, options)
}

/** The latest response of every connection. Earlier responses on it were fully sent, or there would be no later one. */
type LatestResponses = ReadonlyMap<Socket, ServerResponse>

function trackResponses(server: Server): LatestResponses {
  const responses = new Map<Socket, ServerResponse>()
  server.prependListener('request', ({ socket }, response) => {
    if (!responses.has(socket)) socket.once('close', () => responses.delete(socket))
    responses.set(socket, response)
  })
  return responses
}

async function drain(
  server: Server,
  responses: LatestResponses,
  { clock, graceMs, timer = clock }: DrainOptions,
): Promise<number> {
  if (!server.listening) return 0
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let destroyed = 0
  server.prependListener('request', closeAfterResponse)
  // `close` of `http.Server` closes connections that it considers idle, and so truncates responses: see `sweepIdle`.
  NetServer.prototype.close.call(server, () => resolve())
  const cancelSweep = sweepIdle(server, responses, clock)
  const cancelDestroy = timer.after(graceMs, () => {
    server.getConnections((_error, count) => {
      destroyed = count
      server.closeAllConnections()
    })
  })
  await closed
  cancelSweep()
  cancelDestroy()
  server.off('request', closeAfterResponse)
  return destroyed
}

/** A request that arrives on an open connection during the drain is still served, as the last one of its connection. */
function closeAfterResponse(_request: unknown, response: ServerResponse): void {
  response.shouldKeepAlive = false
}

/** Whether the response was ended, but not all of it is in the system's buffers yet. */
function isFlushing({ writableEnded, writableFinished, destroyed }: ServerResponse): boolean {
  return writableEnded && !writableFinished && !destroyed
}

function sweepIdle(server: Server, responses: LatestResponses, clock: Clock): () => void {
  let cancel = () => {}
  const sweep = () => {
    // Node 24 considers a connection idle once its response was ended, although a slow reader has not received all of it.
    const isWaiting = [...responses.values()].some(isFlushing)
    if (!isWaiting) server.closeIdleConnections()
    cancel = clock.after(SWEEP_MS, sweep)
  }
  sweep()
  return () => cancel()
}
