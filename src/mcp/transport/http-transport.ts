import {
  type FetchLike,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { Agent, fetch as undiciFetch } from 'undici'
import type { Clock } from '../../base/clock.ts'
import { limitResponse } from './bounded-response.ts'
import type { ServerAddress } from '../config/config.ts'
import { createMessageRateLimit, createStreamRateLimit } from './rate-limits.ts'
import type { ServerTransport } from './server-transport.ts'

type HttpAddress = Extract<ServerAddress, { type: 'http' | 'sse' }>

/**
 * The transport to a running server, over TCP or a Unix socket. Redirects are not followed; a message that is too long, or
 * too many messages, close the connection.
 */
export function createHttpTransport(
  server: string,
  address: HttpAddress,
  { clock }: { clock: Clock },
): ServerTransport {
  const agent = new Agent({
    // A call may be silent for long; its own deadline ends it.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 10_000, ...(address.socketPath !== undefined && { socketPath: address.socketPath }) },
  })
  let cutOffReason: string | undefined
  const limits = {
    server,
    isWithinLimit: createMessageRateLimit(clock),
    onLimitExceeded: (problem: string): void => {
      cutOffReason = problem
      void transport.close().catch(() => undefined)
    },
  }
  const waitForTurn = createStreamRateLimit(clock)
  const request: FetchLike = async (url, init) => {
    if (init?.method === undefined || init.method === 'GET') await waitForTurn(init?.signal ?? undefined)
    // The two fetches differ only in the module that their types come from.
    const options = { ...init, redirect: 'error', dispatcher: agent } as unknown as Parameters<
      typeof undiciFetch
    >[1]
    return limitResponse(await undiciFetch(url, options), limits)
  }
  const options = { fetch: request, requestInit: { headers: { ...address.headers } } }
  const transport =
    address.type === 'sse'
      ? new SSEClientTransport(address.url, options)
      : new StreamableHTTPClientTransport(address.url, options)
  endSessionOnClose(transport, agent)
  return Object.defineProperty(transport, 'cutOffReason', {
    get: () => cutOffReason,
  }) as unknown as ServerTransport
}

/** On close, ends the session at the server, where it has one, and closes the sockets. */
function endSessionOnClose(
  transport: SSEClientTransport | StreamableHTTPClientTransport,
  agent: Agent,
): void {
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
}
