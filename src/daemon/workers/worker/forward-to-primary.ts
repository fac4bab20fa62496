import { Agent, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { BrokerError } from '../../../base/errors.ts'
import { renderError, tellError } from '../../../server/http/errors/error-response.ts'

/** Carries the peer address to the primary's internal TCP listener, which can't see it. A value sent by a caller is dropped. */
export const PEER_HEADER = 'x-aibroker-peer'

/** Headers of one connection, which must not be forwarded (RFC 9110, 7.6.1). */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'expect',
  'upgrade',
  PEER_HEADER,
])

export interface PassOn {
  /** Forwards a request whose body was not read yet. */
  (request: IncomingMessage, response: ServerResponse): void
  /** Forwards a request with the body that was read. */
  whole(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void
  close(): void
}

/** Forwards requests that a worker does not serve itself to the primary's internal listener, byte for byte. */
export function createPassOn(twinSocket: string): PassOn {
  const agent = new Agent({ keepAlive: true })

  function open(request: IncomingMessage, response: ServerResponse, headers: string[]) {
    const outgoing = send({
      socketPath: twinSocket,
      agent,
      method: request.method,
      path: request.url,
      headers,
    })
    outgoing.once('response', (incoming) => answer(incoming, response))
    outgoing.on('error', () => {
      // A server that refuses a body may stop reading it; its response is then already being sent.
      if (!response.headersSent) tellError(response, renderError(starting()))
    })
    response.once('close', () => outgoing.destroy())
    return outgoing
  }

  const passOn = (request: IncomingMessage, response: ServerResponse): void => {
    request.pipe(open(request, response, headersOf(request)))
  }
  return Object.assign(passOn, {
    whole(request: IncomingMessage, response: ServerResponse, body: Uint8Array) {
      const headers = headersOf(request, 'content-length', 'transfer-encoding')
      open(request, response, [...headers, 'content-length', String(body.byteLength)]).end(body)
    },
    close: () => agent.destroy(),
  })
}

function headersOf({ rawHeaders, socket }: IncomingMessage, ...without: readonly string[]): string[] {
  const headers = filtered(rawHeaders, (name) => OF_THE_CONNECTION.has(name) || without.includes(name))
  const { remoteAddress } = socket
  return remoteAddress === undefined ? headers : [...headers, PEER_HEADER, remoteAddress]
}

function answer(incoming: IncomingMessage, response: ServerResponse): void {
  const isOurs = (name: string): boolean => OF_THE_CONNECTION.has(name) || name === 'transfer-encoding'
  response.writeHead(
    incoming.statusCode ?? 502,
    incoming.statusMessage,
    filtered(incoming.rawHeaders, isOurs),
  )
  // Send the head of a stream without waiting for its first event.
  response.flushHeaders()
  pipeline(incoming, response, () => undefined)
}

/** Header names and values alternating, as in `rawHeaders`. */
function filtered(rawHeaders: readonly string[], isDropped: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    if (!isDropped(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

function starting(): BrokerError {
  return new BrokerError('stopping', 'the broker is starting or stopping; retry in a moment')
}
