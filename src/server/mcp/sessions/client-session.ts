import type { LoggingLevel, RequestId, Server } from '@modelcontextprotocol/server'
import type { Notice, Peer } from '../../../mcp/connection/client-session.ts'

/** People answer these. */
const ANSWER_WITHIN_MS = 600_000

/** The client of a session, as servers reach it through us. */
export interface SessionPeer extends Peer {
  logLevel: LoggingLevel | undefined
  /** Words from servers belong to the newest call that runs; returns what ends that, after the words were sent. */
  startCall(id: RequestId): () => Promise<void>
}

/**
 * Servers' questions and words go to the session's client on the stream of the call they most likely belong to: the
 * newest one. (A server that keeps sessions does not say which call a question is about.)
 */
export function createSessionPeer(server: Server): SessionPeer {
  const running = new Map<RequestId, Promise<unknown>>()
  const newest = (): { relatedRequestId?: RequestId } => {
    const id = [...running.keys()].at(-1)
    return id === undefined ? {} : { relatedRequestId: id }
  }
  const patiently = (signal: AbortSignal) => ({
    signal,
    timeout: ANSWER_WITHIN_MS,
    resetTimeoutOnProgress: true,
    ...newest(),
  })
  return {
    logLevel: undefined,
    get capabilities() {
      return server.getClientCapabilities() ?? {}
    },
    sample: (params, signal) => server.createMessage(params, patiently(signal)),
    elicit: (params, signal) => server.elicitInput(params, patiently(signal)),
    roots: (signal) => server.listRoots(undefined, patiently(signal)),
    notify(notice) {
      const related = newest()
      const sent = server.notification(asNotification(notice), related).catch(() => undefined)
      const id = related.relatedRequestId
      if (id !== undefined) running.set(id, Promise.all([running.get(id), sent]))
    },
    startCall(id) {
      running.set(id, Promise.resolve())
      return async () => {
        const sent = running.get(id)
        running.delete(id)
        await sent
      }
    },
  }
}

export function asNotification({ method, params }: Notice) {
  return params === undefined ? { method } : { method, params }
}
