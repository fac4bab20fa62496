import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
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
  const answers = watchAnswers(server)
  return ({ clock, graceMs }) => drain(server, answers, clock, graceMs)
}

/** The newest answer of every connection. Those before it on the same connection were read, or it would not be there. */
type Answers = ReadonlyMap<Socket, ServerResponse>

function watchAnswers(server: Server): Answers {
  const answers = new Map<Socket, ServerResponse>()
  server.prependListener('request', ({ socket }, response) => {
    if (!answers.has(socket)) socket.once('close', () => answers.delete(socket))
    answers.set(socket, response)
  })
  return answers
}

async function drain(server: Server, answers: Answers, clock: Clock, graceMs: number): Promise<number> {
  if (!server.listening) return 0
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let cut = 0
  server.prependListener('request', partAfterwards)
  // That of `http` would close what it takes for idle, and so cut answers: see `sweepIdle`.
  NetServer.prototype.close.call(server, () => resolve())
  const cancelSweep = sweepIdle(server, answers, clock)
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

/** Ended by us, but not yet in the system's buffers as a whole. */
function isUnread({ writableEnded, writableFinished, destroyed }: ServerResponse): boolean {
  return writableEnded && !writableFinished && !destroyed
}

function sweepIdle(server: Server, answers: Answers, clock: Clock): () => void {
  let cancel = () => {}
  const sweep = () => {
    // Node 24 takes a connection for idle once its answer was ended, although a slow reader still waits for half of it.
    const isWaiting = [...answers.values()].some(isUnread)
    if (!isWaiting) server.closeIdleConnections()
    cancel = clock.after(SWEEP_MS, sweep)
  }
  sweep()
  return () => cancel()
}
