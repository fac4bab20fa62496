import type { LoggingLevel, RequestId, Server } from '@modelcontextprotocol/server'
import type { McpNotification, CallerClient } from '../../../mcp/connection/client-session.ts'

/** Long, because people answer these requests. */
const CLIENT_TIMEOUT_MS = 600_000

/** The client of a session, as upstream servers reach it through us. */
export interface SessionPeer extends CallerClient {
  logLevel: LoggingLevel | undefined
  /** Relates notifications of servers to this call while it is the newest. The returned function ends that, once all are sent. */
  startCall(id: RequestId): () => Promise<void>
}

/**
 * Passes requests and notifications of upstream servers to the session's client, on the stream of the newest call, which they
 * most likely belong to. (A server that keeps sessions does not say which call a request is about.)
 */
export function createSessionPeer(server: Server): SessionPeer {
  const running = new Map<RequestId, Promise<unknown>>()
  const newest = (): { relatedRequestId?: RequestId } => {
    const id = [...running.keys()].at(-1)
    return id === undefined ? {} : { relatedRequestId: id }
  }
  const requestOptions = (signal: AbortSignal) => ({
    signal,
    timeout: CLIENT_TIMEOUT_MS,
    resetTimeoutOnProgress: true,
    ...newest(),
  })
  return {
    logLevel: undefined,
    get capabilities() {
      return server.getClientCapabilities() ?? {}
    },
    sample: (params, signal) => server.createMessage(params, requestOptions(signal)),
    elicit: (params, signal) => server.elicitInput(params, requestOptions(signal)),
    roots: (signal) => server.listRoots(undefined, requestOptions(signal)),
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

/** A notice as a notification of the SDK, without an undefined `params`. */
export function asNotification({ method, params }: McpNotification) {
  return params === undefined ? { method } : { method, params }
}
