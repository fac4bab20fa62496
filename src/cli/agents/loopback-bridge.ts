import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'

/** A port on loopback that leads to the broker's socket, for programs that cannot use one. */
export interface LoopbackBridge extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
}

/** Opens a bridge. It lets requests pass that show `token`: other users of this machine reach the port, too. */
export async function openBridge(socketPath: string, token: string): Promise<LoopbackBridge> {
  const server = createServer((request, response) => {
    if (isShown(request, token)) forward(request, response, socketPath)
    else refuse(response, 401, 'this port serves one run of an agent; its token is missing')
  })
  server.requestTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function isShown({ headers, url = '' }: IncomingMessage, token: string): boolean {
  const query = url.includes('key=') ? new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('key') : null
  return [...shownIn(headers), query].some((shown) => typeof shown === 'string' && isSame(shown, token))
}

function shownIn(headers: IncomingHttpHeaders): readonly unknown[] {
  const bearer = headers.authorization?.replace(/^Bearer /i, '')
  return [bearer, headers['x-api-key'], headers['x-goog-api-key']]
}

function isSame(shown: string, token: string): boolean {
  const [one, two] = [Buffer.from(shown), Buffer.from(token)]
  return one.length === two.length && timingSafeEqual(one, two)
}

function forward(request: IncomingMessage, response: ServerResponse, socketPath: string): void {
  const { method, url, headers } = request
  const upstream = httpRequest({ socketPath, method, path: url, headers }, (received) => {
    response.writeHead(received.statusCode ?? 502, received.headers)
    pipeline(received, response, ignoreDisconnect)
  })
  upstream.on('error', () => {
    if (response.headersSent) response.destroy()
    else refuse(response, 503, `no broker answers at ${socketPath}`)
  })
  // A caller that leaves ends its request at the broker.
  response.on('close', () => upstream.destroy())
  pipeline(request, upstream, ignoreDisconnect)
}

function ignoreDisconnect(): void {
  // The other side is destroyed by `pipeline`.
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: { code: status, message } }))
}
