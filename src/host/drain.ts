import type { Server, ServerResponse } from 'node:http'
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
export async function drain(server: Server, { clock, graceMs }: DrainOptions): Promise<number> {
  if (!server.listening) return 0
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let cut = 0
  server.prependListener('request', partAfterwards)
  server.close(() => resolve())
  const cancelSweep = sweepIdle(server, clock)
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

function sweepIdle(server: Server, clock: Clock): () => void {
  let cancel = () => {}
  const sweep = () => {
    server.closeIdleConnections()
    cancel = clock.after(SWEEP_MS, sweep)
  }
  sweep()
  return () => cancel()
}
