import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { sendRenderedError, withRequestId, type ErrorRenderer } from '../errors/error-response.ts'
import { FastRequest } from './fast-request.ts'
import { FastResponse } from './fast-response.ts'
import { sendErrorToSocket } from '../errors/protocol-errors.ts'
import { rejectReason, MAX_HEADERS, methodNotServed } from './request-checks.ts'

/** How long a client may take to send a request, in milliseconds. Responses have no limit. */
export interface ServerTimeouts {
  /** From the start of a connection, or of its next request, to the end of the headers. */
  readonly headersMs: number
  /** From that start to the end of the body: 25 MB of audio over a slow connection must fit. */
  readonly requestMs: number
  /** How long an open connection may stay without a request. */
  readonly idleMs: number
  /** How often the first two limits are checked. */
  readonly checkEveryMs: number
}

export const SERVER_TIMEOUTS: ServerTimeouts = {
  headersMs: 15_000,
  requestMs: 180_000,
  idleMs: 75_000,
  checkEveryMs: 5_000,
}

const TLS = { minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] } as const

const MAX_HEADER_BYTES = 32 * 1024

export type RequestListener = (request: FastRequest, response: FastResponse) => void

export interface NodeServerOptions {
  readonly timeouts: ServerTimeouts
  /** Whether a body without a content type is taken for JSON: not over TCP, where a page can send one to another origin. */
  readonly defaultsToJson: boolean
  /** How errors of a path are rendered. */
  readonly renderErrorAt: (path: string) => ErrorRenderer
  /** Certificate and key (PEM); the server then speaks TLS alone. */
  readonly tls?: TlsIdentity | undefined
}

/** How a server proves who it is. */
export interface TlsIdentity {
  readonly cert: string
  readonly key: string
}

/** Creates a `node:http` server that is stricter than Node's: requests that the request checks refuse never reach `handle`. */
export function createNodeServer(
  handle: RequestListener,
  bodyLimit: number,
  options: NodeServerOptions,
): Server {
  const { timeouts, tls } = options
  const serve = withRequestChecks(handle, options)
  const settings = {
    IncomingMessage: FastRequest,
    ServerResponse: FastResponse,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.idleMs,
    connectionsCheckingInterval: timeouts.checkEveryMs,
    // The request checks do this, so that the error has our form.
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  }
  const server: Server =
    tls === undefined
      ? createServer(settings, serve)
      : createTlsServer({ ...settings, ...tls, ...TLS }, serve)
  // One more than allowed, so that an excess is noticed instead of silently dropped.
  server.maxHeadersCount = MAX_HEADERS + 1
  server.on('checkContinue', continueIfAllowed(serve, bodyLimit))
  server.on('connect', (_request, socket) => sendErrorToSocket(socket, methodNotServed('CONNECT')))
  return server
}

function withRequestChecks(
  handle: RequestListener,
  { timeouts, defaultsToJson, renderErrorAt }: NodeServerOptions,
): RequestListener {
  const keepAliveS = Math.floor(timeouts.idleMs / 1000)
  return (request, response) => {
    response.keepAliveS = keepAliveS
    const rejection = rejectReason(request)
    if (rejection !== undefined) {
      const render = renderErrorAt(request.url ?? '')
      sendRenderedError(response, withRequestId(render(rejection)), { connection: 'close' })
      return
    }
    if (defaultsToJson) defaultToJson(request.headers)
    if (request.headers.authorization === undefined) readKey(request)
    handle(request, response)
  }
}

/** The headers in which clients of Anthropic and Google show their key. */
const KEY_HEADERS = ['x-api-key', 'x-goog-api-key'] as const

/** A caller's token may come in any of these headers; from here on it is a bearer token. */
function readKeyHeaders(headers: IncomingHttpHeaders): void {
  for (const name of KEY_HEADERS) {
    const key = headers[name]
    if (typeof key !== 'string' || key === '') continue
    headers.authorization = `Bearer ${key}`
    return
  }
}

/** Google's clients may also show a key in the query, at the paths of models. It is taken out there, so that nothing writes it down. */
function readKey(request: IncomingMessage): void {
  const { url = '' } = request
  if (url.includes('key=') && /^(\/api)?(\/v1(beta)?)?\/models\b/.test(url)) {
    const { url: rest, key } = withoutKey(url)
    request.url = rest
    if (key !== '') request.headers['x-goog-api-key'] ??= key
  }
  readKeyHeaders(request.headers)
}

function withoutKey(url: string): { readonly url: string; readonly key: string } {
  const at = url.indexOf('?')
  if (at < 0) return { url, key: '' }
  const query = new URLSearchParams(url.slice(at + 1))
  const key = query.get('key') ?? ''
  query.delete('key')
  const rest = query.toString()
  return { url: url.slice(0, at) + (rest === '' ? '' : `?${rest}`), key }
}

function defaultToJson(headers: IncomingHttpHeaders): void {
  if (headers['content-type'] !== undefined) return
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  if (hasBody) headers['content-type'] = 'application/json'
}

/** A client that sends `Expect: 100-continue` (curl does from 1 MB on) gets no `100 Continue` for a body that is too large. */
function continueIfAllowed(handle: RequestListener, bodyLimit: number): RequestListener {
  return (request, response) => {
    if (Number(request.headers['content-length'] ?? 0) <= bodyLimit) response.writeContinue()
    handle(request, response)
  }
}
