import {
  type FetchLike,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { Agent, fetch as undiciFetch, type Response } from 'undici'
import type { Clock } from '../../base/clock.ts'
import { limitResponse } from './bounded-response.ts'
import { fetchFailure, readRefusal, responseFailure, sameOriginRedirect } from './http-failure.ts'
import type { ServerAddress } from '../config/config.ts'
import { createMessageRateLimit, createStreamRateLimit } from './rate-limits.ts'
import type { ServerTransport } from './server-transport.ts'

type HttpAddress = Extract<ServerAddress, { type: 'http' | 'sse' }>

/**
 * The transport to a running server, over TCP or a Unix socket. One redirect is followed, on the same origin; a message that is too long, or
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
  let failureReason: string | undefined
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
    const options = { ...init, redirect: 'manual', dispatcher: agent } as unknown as FetchOptions
    try {
      const response = await send(new URL(url), options)
      const { isOk, failure, passedOn } = await examine(response, init?.method)
      failureReason = failure
      return isOk ? limitResponse(passedOn, limits) : passedOn
    } catch (error) {
      failureReason = fetchFailure(error)
      throw error
    }
  }
  const options = { fetch: request, requestInit: { headers: { ...address.headers } } }
  const transport =
    address.type === 'sse'
      ? new SSEClientTransport(address.url, options)
      : new StreamableHTTPClientTransport(address.url, options)
  endSessionOnClose(transport, agent)
  return Object.defineProperties(transport, {
    cutOffReason: { get: () => cutOffReason },
    failureReason: { get: () => failureReason },
  }) as unknown as ServerTransport
}

type FetchOptions = Parameters<typeof undiciFetch>[1]

async function send(url: URL, options: FetchOptions): Promise<Response> {
  const response = await undiciFetch(url, options)
  const to = sameOriginRedirect(response, url)
  if (to === undefined) return response
  await response.body?.cancel()
  return await undiciFetch(to, options)
}

/** What is wrong with a response, and what the client gets of it. A server may refuse the stream of a GET: it has none then. */
async function examine(response: Response, method: string | undefined) {
  if (response.ok) {
    const failure = response.status === 200 && method === 'POST' ? responseFailure(response, '') : undefined
    return { isOk: true, failure, passedOn: response }
  }
  const refusal = await readRefusal(response)
  const failure = method === 'POST' ? responseFailure(response, refusal.text) : undefined
  return { isOk: false, failure, passedOn: refusal.response }
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
