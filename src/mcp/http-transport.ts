import {
  type FetchLike,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client'
import { Agent, fetch as undiciFetch } from 'undici'
import type { ServerAddress } from './config.ts'

type HttpAddress = Extract<ServerAddress, { type: 'http' | 'sse' }>

/** A server that somebody else runs, spoken to over TCP or a Unix socket. Redirects are not followed. */
export function createHttpTransport(address: HttpAddress): Transport {
  const agent = new Agent({
    // A call may be silent for as long as the caller allows; the call's own deadline is what ends it.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 10_000, ...(address.socketPath !== undefined && { socketPath: address.socketPath }) },
  })
  const request: FetchLike = async (url, init) => {
    // The two fetches differ in nothing but the module their types come from.
    const options = { ...init, redirect: 'error', dispatcher: agent } as unknown as Parameters<
      typeof undiciFetch
    >[1]
    return undiciFetch(url, options)
  }
  const options = { fetch: request, requestInit: { headers: { ...address.headers } } }
  const transport =
    address.type === 'sse'
      ? new SSEClientTransport(address.url, options)
      : new StreamableHTTPClientTransport(address.url, options)
  return endingSession(transport, agent)
}

/** On close, tells a server with sessions that this one is over, and lets the sockets go. */
function endingSession(
  transport: SSEClientTransport | StreamableHTTPClientTransport,
  agent: Agent,
): Transport {
  const close = transport.close.bind(transport)
  transport.close = async () => {
    if (transport instanceof StreamableHTTPClientTransport && transport.sessionId !== undefined) {
      await Promise.race([
        transport.terminateSession().catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 1000).unref()),
      ])
    }
    await close()
    await agent.destroy().catch(() => undefined)
  }
  return transport
}
