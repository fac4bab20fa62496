import { once } from 'node:events'
import { rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createConnection } from 'node:net'
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import type { McpServerFactory } from '@modelcontextprotocol/server'
import { systemClock } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import { drainable } from '../../../runtime/drain.ts'
import { DrainTimer } from '../../../runtime/drain-timer.ts'

/** Where a server listens: a Unix socket or a loopback port. */
export type ListenAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** Linux has 108 bytes for the path and its terminating zero; longer paths are silently truncated. */
const MAX_PATH_BYTES = 107
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Reads `--http`: a path is a Unix socket, `[host:]port` a loopback port. Throws `bad-request`. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.includes('/')) {
    if (Buffer.byteLength(text) <= MAX_PATH_BYTES) return { path: text }
    throw new BrokerError('bad-request', `the socket path is longer than ${MAX_PATH_BYTES} bytes: ${text}`)
  }
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? '127.0.0.1'
  const port = Number(match?.[2])
  if (match === null || port > 65_535) {
    throw new BrokerError('bad-request', `--http wants a socket path or a port, not “${text}”`)
  }
  if (LOOPBACK.has(host)) return { host: host.replace(/^\[|\]$/g, ''), port }
  throw new BrokerError(
    'bad-request',
    `“${host}” is not loopback: this server has no sign-in of its own; reach it through the broker`,
  )
}

/** Disposing cuts every connection. */
export interface Listening extends AsyncDisposable {
  /** The socket's path, or the URL of the endpoint. */
  readonly address: string
  /** Accepts no more connections, waits for `idle`, then ends all sessions; connections are cut when `timer` is over. */
  close(idle: Promise<unknown>, timer: DrainTimer): Promise<void>
}

/** Serves MCP at `/mcp`, both protocol eras. Requests with a foreign `Host` or `Origin` are rejected, so that no browser page gets in. */
export async function serveHttp(factory: McpServerFactory, listenAddress: ListenAddress): Promise<Listening> {
  const handler = createMcpHandler(factory)
  const serveMcp = toNodeHandler(handler)
  const hostIsOurs = localhostHostValidation()
  const originIsOurs = localhostOriginValidation()
  const http = createServer((request, response) => void handle(request, response))

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!hostIsOurs(request, response) || !originIsOurs(request, response)) return
    const path = request.url?.split('?')[0]
    // A request to a server always has a method and a URL; the general type can't express this.
    if (path === '/mcp')
      return serveMcp(request as IncomingMessage & { method: string; url: string }, response)
    response.writeHead(path === '/health' ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(path === '/health' ? { status: 'ok' } : { error: 'MCP is at /mcp' }))
  }

  const drain = drainable(http)
  await listen(http, listenAddress)
  const close: Listening['close'] = async (idle, timer) => {
    const drained = drain({ clock: systemClock, timer, graceMs: 0 })
    await idle
    await Promise.all([handler.close(), drained])
  }
  return {
    address: addressOf(http),
    close,
    [Symbol.asyncDispose]: () => close(Promise.resolve(), new DrainTimer(systemClock, 0)),
  }
}

async function listen(http: Server, listenAddress: ListenAddress): Promise<void> {
  if ('path' in listenAddress) await removeStale(listenAddress.path)
  http.listen(
    'path' in listenAddress
      ? { path: listenAddress.path }
      : { host: listenAddress.host, port: listenAddress.port },
  )
  await once(http, 'listening')
}

/** Removes a socket file that no process listens on. Throws `bad-request` if one does. */
async function removeStale(path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
  const probe = createConnection(path)
  const isAlive = await once(probe, 'connect').then(
    () => true,
    () => false,
  )
  probe.destroy()
  if (isAlive) throw new BrokerError('bad-request', `another process already listens on ${path}`)
  rmSync(path)
}

function addressOf(http: Server): string {
  const address = http.address()
  if (typeof address === 'string' || address === null) return address ?? ''
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${host}:${address.port}/mcp`
}
