import { Agent, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { BrokerError } from '../../../base/errors.ts'
import { renderError, tellError } from '../../../server/http/errors/error-response.ts'

/** Set by workers for the primary's twin of the TCP door, which sees no peer of its own; what a caller says there is dropped. */
export const PEER_HEADER = 'x-aibroker-peer'

/** They are about one connection, not about the request. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'expect',
  'upgrade',
  PEER_HEADER,
])

export interface PassOn {
  /** Has the primary answer a request whose body was not read yet. */
  (request: IncomingMessage, response: ServerResponse): void
  /** The same with the body that was read. */
  whole(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void
  close(): void
}

/** What workers don't answer themselves goes to the door's twin in the primary, bytes as they are. */
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
      // Who refuses a body need not read it to its end: then the answer is under way.
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
  // The head of a stream is worth having before its first word.
  response.flushHeaders()
  pipeline(incoming, response, () => undefined)
}

/** Pairs of name and value, one after the other. */
function filtered(rawHeaders: readonly string[], isDropped: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    if (!isDropped(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

function starting(): BrokerError {
  return new BrokerError('stopping', 'the broker is stopping or starting; ask again in a moment')
}
