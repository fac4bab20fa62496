import { Agent, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { BrokerError } from '../../../base/errors.ts'
import { sendRenderedError } from '../../../server/http/errors/error-response.ts'
import { errorRendererAt } from '../../../server/rest/routes.ts'

/** Carries the peer address to the primary's internal TCP listener, which can't see it. A value sent by a caller is dropped. */
export const PEER_HEADER = 'x-aibroker-peer'

/** Headers of one connection, which must not be forwarded (RFC 9110, 7.6.1). */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'expect',
  'upgrade',
  PEER_HEADER,
])

export interface Forwarder {
  /** Forwards a request whose body was not read yet. */
  (request: IncomingMessage, response: ServerResponse): void
  /** Forwards a request with the body that was read, and unpacked if it was compressed. */
  withBody(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void
  close(): void
}

/** Forwards requests that a worker does not serve itself to the primary's internal listener, byte for byte. */
export function createForwarder(internalSocket: string): Forwarder {
  const agent = new Agent({ keepAlive: true })

  function open(request: IncomingMessage, response: ServerResponse, headers: string[]) {
    const outgoing = send({
      socketPath: internalSocket,
      agent,
      method: request.method,
      path: request.url,
      headers,
    })
    outgoing.once('response', (incoming) => sendResponse(incoming, response))
    outgoing.on('error', () => {
      // A server that refuses a body may stop reading it; its response is then already being sent.
      if (!response.headersSent)
        sendRenderedError(response, errorRendererAt(request.url ?? '')(notAvailable()))
    })
    response.once('close', () => outgoing.destroy())
    return outgoing
  }

  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    request.pipe(open(request, response, headersOf(request)))
  }
  return Object.assign(forward, {
    withBody(request: IncomingMessage, response: ServerResponse, body: Uint8Array) {
      const headers = headersOf(request, 'content-length', 'transfer-encoding', 'content-encoding')
      open(request, response, [...headers, 'content-length', String(body.byteLength)]).end(body)
    },
    close: () => agent.destroy(),
  })
}

function headersOf({ rawHeaders, socket }: IncomingMessage, ...without: readonly string[]): string[] {
  const headers = withoutHeaders(rawHeaders, (name) => CONNECTION_HEADERS.has(name) || without.includes(name))
  const { remoteAddress } = socket
  return remoteAddress === undefined ? headers : [...headers, PEER_HEADER, remoteAddress]
}

function sendResponse(incoming: IncomingMessage, response: ServerResponse): void {
  const isConnectionHeader = (name: string): boolean =>
    CONNECTION_HEADERS.has(name) || name === 'transfer-encoding'
  response.writeHead(
    incoming.statusCode ?? 502,
    incoming.statusMessage,
    withoutHeaders(incoming.rawHeaders, isConnectionHeader),
  )
  // Send the head of a stream without waiting for its first event.
  response.flushHeaders()
  pipeline(incoming, response, () => undefined)
}

/** Header names and values alternating, as in `rawHeaders`. */
function withoutHeaders(rawHeaders: readonly string[], isDropped: (name: string) => boolean): string[] {
  const remaining: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    if (!isDropped(name.toLowerCase())) remaining.push(name, value)
  }
  return remaining
}

function notAvailable(): BrokerError {
  return new BrokerError('stopping', 'the broker is starting or stopping; retry in a moment')
}
