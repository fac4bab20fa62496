import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { renderError, tellError } from '../errors/error-response.ts'
import { Incoming } from './fast-request.ts'
import { Outgoing } from './fast-response.ts'
import { refuseOn } from '../errors/protocol-errors.ts'
import { faultOf, MOST_HEADERS, wrongMethod } from './request-checks.ts'

/** How long a client may take to send a request, in milliseconds. Responses have no limit. */
export interface Patience {
  /** From the start of a connection, or of its next request, to the end of the headers. */
  readonly headersMs: number
  /** From that start to the end of the body: 25 MB of audio over a slow connection must fit. */
  readonly requestMs: number
  /** How long an open connection may stay without a request. */
  readonly idleMs: number
  /** How often the first two limits are checked. */
  readonly checkEveryMs: number
}

export const PATIENCE: Patience = {
  headersMs: 15_000,
  requestMs: 180_000,
  idleMs: 75_000,
  checkEveryMs: 5_000,
}

const MOST_HEADER_BYTES = 32 * 1024

export type Handler = (request: Incoming, response: Outgoing) => void

/** Creates a `node:http` server that is stricter than Node's: requests that the request checks refuse never reach `handle`. */
export function createGroundServer(handle: Handler, bodyLimit: number, patience: Patience): Server {
  const serve = guarded(handle, Math.floor(patience.idleMs / 1000))
  const server = createServer(
    {
      IncomingMessage: Incoming,
      ServerResponse: Outgoing,
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      keepAliveTimeout: patience.idleMs,
      connectionsCheckingInterval: patience.checkEveryMs,
      // The request checks do this, so that the error has our form.
      requireHostHeader: false,
      insecureHTTPParser: false,
      noDelay: true,
    },
    serve,
  )
  // One more than allowed, so that an excess is noticed instead of silently dropped.
  server.maxHeadersCount = MOST_HEADERS + 1
  server.on('checkContinue', invite(serve, bodyLimit))
  server.on('connect', (_request, socket) => refuseOn(socket, wrongMethod('CONNECT')))
  return server
}

function guarded(handle: Handler, keptForS: number): Handler {
  return (request, response) => {
    response.keptForS = keptForS
    const fault = faultOf(request)
    if (fault !== undefined) {
      tellError(response, renderError(fault), { connection: 'close' })
      return
    }
    takeUntypedForJson(request.headers)
    handle(request, response)
  }
}

/** A body without a content type is taken for JSON. */
function takeUntypedForJson(headers: IncomingHttpHeaders): void {
  if (headers['content-type'] !== undefined) return
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  if (hasBody) headers['content-type'] = 'application/json'
}

/** A client that sends `Expect: 100-continue` (curl does from 1 MB on) gets no `100 Continue` for a body that is too large. */
function invite(handle: Handler, bodyLimit: number): Handler {
  return (request, response) => {
    if (Number(request.headers['content-length'] ?? 0) <= bodyLimit) response.writeContinue()
    handle(request, response)
  }
}
