import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { asBrokerError, BrokerError, ERRORS } from '../base/errors.ts'
import type { SocketPaths } from '../runtime/socket-paths.ts'
import { VERSION } from '../runtime/version.ts'
import { pageOf, type Assets } from './assets.ts'
import { isForwarded, ownHosts, PAGE_HEADERS, prefixOf, refuseForeignCall } from './page-checks.ts'
import { passOn, readBody, roleAt } from './pass-on.ts'
import { createSessions, hasProof, type Sessions } from './sessions.ts'

export interface DashboardOptions {
  readonly sockets: Pick<SocketPaths, 'rpc' | 'rest'>
  readonly assets: Assets
  readonly clock: Clock
  /** What a session of a link shows to the broker; absent where no token is needed. */
  readonly adminToken: string | undefined
}

/** The servers of the dashboard; all share their sessions. */
export interface Dashboard {
  /** For `admin.sock`: who may open the file is who the broker takes it for. */
  readonly socketServer: Server
  /** For TCP, where everyone has to log in. */
  readonly tcpServer: Server
  /** A link that opens one session. `undefined` while TCP is not bound. */
  newLink(): string | undefined
}

/** Serves the built app, and passes its calls on to the broker as the session's identity. It has no rights and no API of its own. */
export function createDashboard(options: DashboardOptions): Dashboard {
  const parts: Parts = { ...options, sessions: createSessions(options.clock), newLink }
  const tcpServer = createServer(
    (request, response) => void serve(request, response, { ...parts, isTcp: true }),
  )
  const socketServer = createServer(
    (request, response) => void serve(request, response, { ...parts, isTcp: false }),
  )
  function newLink(): string | undefined {
    const bound = tcpServer.address()
    if (bound === null || typeof bound === 'string') return undefined
    const host = bound.address.includes(':') ? `[${bound.address}]` : bound.address
    return `http://${host}:${bound.port}/in#${parts.sessions.newCode()}`
  }
  return { socketServer, tcpServer, newLink }
}

interface Parts extends DashboardOptions {
  readonly sessions: Sessions
  readonly newLink: () => string | undefined
}

interface Listener extends Parts {
  readonly isTcp: boolean
}

async function serve(request: IncomingMessage, response: ServerResponse, listener: Listener): Promise<void> {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value)
  try {
    if (listener.isTcp) refuseForeignHost(request)
    await route(request, response, listener)
  } catch (thrown) {
    const { code, message } = asBrokerError(thrown)
    if (response.headersSent) return
    const status = message === FOREIGN_HOST ? 421 : isLoggedOut(request, code) ? 200 : ERRORS[code].http
    sendJson(response, { error: { code, message } }, status)
  }
}

/** JSON-RPC answers with its own errors; a browser would write any other status into its console. */
function isLoggedOut({ url }: IncomingMessage, code: string): boolean {
  return url === '/api/rpc' && code === 'unauthorized'
}

const FOREIGN_HOST = 'the Host header does not name this dashboard; use 127.0.0.1 or localhost, with the port'

function refuseForeignHost({ headers, socket }: IncomingMessage): void {
  const hosts = ownHosts(socket.localAddress?.replace('::ffff:', '') ?? '', socket.localPort ?? 0)
  if (!hosts.has(headers.host ?? '')) throw new BrokerError('forbidden', FOREIGN_HOST)
}

async function route(request: IncomingMessage, response: ServerResponse, listener: Listener): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  if (path.startsWith('/api/')) return await routeCall(path, request, response, listener)
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new BrokerError('wrong-method', `${request.method} is not served here`)
  if (path === '/health')
    return sendJson(response, { status: 'ok', service: 'hero_aibroker', version: VERSION })
  if (path === '/.well-known/heroservice.json') return sendJson(response, MANIFEST)
  if (path.startsWith('/assets/'))
    return sendAsset(path.slice('/assets/'.length), request, response, listener)
  sendPage(request, response, listener)
}

const MANIFEST = {
  protocol: 'ui',
  name: 'hero_aibroker',
  title: 'Hero AI Broker',
  version: VERSION,
  description: 'The dashboard of the LLM broker.',
  socket: 'admin',
}

function sendAsset(
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  { assets }: Listener,
): void {
  const asset = assets.find(name, header(request, 'accept-encoding') ?? '')
  if (asset === undefined) throw new BrokerError('not-found', 'there is no such file; reload the page')
  response.writeHead(200, {
    'content-type': asset.type,
    'content-length': asset.body.length,
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'accept-encoding',
    ...(asset.encoding === undefined ? {} : { 'content-encoding': asset.encoding }),
  })
  response.end(request.method === 'HEAD' ? undefined : asset.body)
}

function sendPage(request: IncomingMessage, response: ServerResponse, { assets }: Listener): void {
  const index = assets.index()
  const body = index === undefined ? NOT_BUILT : pageOf(index, prefixOf(request), cookieOf(request, 'theme'))
  response.writeHead(index === undefined ? 503 : 200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

const NOT_BUILT = `<!doctype html><html lang="en"><title>Hero AI Broker</title><h1>The dashboard is not built yet</h1>
<p>In a clone it is being built now: reload this page in a moment. If it stays away, run <code>npm run build:dashboard</code>. The broker itself works without it.</p></html>`

async function routeCall(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  listener: Listener,
): Promise<void> {
  const { isTcp, sessions, sockets, newLink } = listener
  const isFront = !isTcp && isForwarded(request)
  if (path === '/api/link') {
    if (isTcp || isFront) throw new BrokerError('forbidden', 'links are given on admin.sock alone')
    const link = newLink()
    if (link === undefined)
      throw new BrokerError(
        'not-found',
        'the dashboard has no TCP listener; start it with --address and --port',
      )
    return sendJson(response, { link })
  }
  refuseForeignCall(request, !isTcp)
  if (path === '/api/login') return await logIn(request, response, listener)
  const id = sessionIdOf(request)
  const session = sessions.find(id)
  const isOwn = session !== undefined && hasProof(session, header(request, 'x-aibroker-dashboard'))
  if (path === '/api/logout') {
    if (isOwn) sessions.end(id)
    return sendJson(response, {})
  }
  if (!isOwn && isTcp) throw new BrokerError('unauthorized', 'log in with a link or with a token')
  const headers = isOwn ? identityOf(request, session.bearer) : frontHeaders(request)
  if (path === '/api/rpc')
    return await passOn(request, response, { socketPath: sockets.rpc, path: '/rpc', headers })
  if (path.startsWith('/api/v1/'))
    return await passOn(request, response, {
      socketPath: sockets.rest,
      path: path.slice('/api'.length),
      headers,
    })
  throw new BrokerError('not-found', `there is nothing at ${path}`)
}

/** What the broker learns of a session: its token, and for a peer of another machine its address. */
function identityOf({ socket }: IncomingMessage, bearer: string | undefined): Record<string, string> {
  const peer = socket.remoteAddress
  return {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(peer === undefined || isLoopbackPeer(peer) ? {} : { 'x-forwarded-for': peer }),
  }
}

/** A request on the socket is of whoever the front or the file's rights say: the broker judges the same headers. */
function frontHeaders(request: IncomingMessage): Record<string, string> {
  const names = ['authorization', 'x-forwarded-for', 'forwarded', 'x-real-ip', 'x-hero-context', 'via']
  return Object.fromEntries(
    names.flatMap((name) =>
      request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]],
    ),
  )
}

async function logIn(request: IncomingMessage, response: ServerResponse, listener: Listener): Promise<void> {
  const { sessions, sockets } = listener
  const peer = request.socket.remoteAddress ?? ''
  const given = await readJson(request)
  if (!sessions.mayTry(peer))
    throw new BrokerError('over-limit', 'too many attempts; wait a minute', { details: { retryAfter: 60 } })
  try {
    const bearer = bearerOf(given, listener, peer)
    await roleAt(sockets.rpc, identityOf(request, bearer))
    const { id, session } = sessions.open(bearer)
    response.setHeader('set-cookie', cookieText(request, id))
    sendJson(response, { proof: session.proof })
  } catch (error) {
    sessions.failed(peer)
    throw error
  }
}

/** The token of the new session: the one that was pasted, or what a link stands for. Throws `unauthorized`, `bad-request`. */
function bearerOf(
  { code, token }: Record<string, unknown>,
  { isTcp, sessions, adminToken }: Listener,
  peer: string,
): string | undefined {
  if (typeof code === 'string') {
    if ((!isTcp || isLoopbackPeer(peer)) && sessions.useCode(code)) return adminToken
    throw new BrokerError(
      'unauthorized',
      'this link was used or is too old; get another with: hero_aibroker dashboard',
    )
  }
  const text = typeof token === 'string' ? token.trim() : ''
  if (/^[\x21-\x7e]{1,4096}$/.test(text)) return text
  throw new BrokerError('bad-request', 'paste a token')
}

function cookieText(request: IncomingMessage, id: string): string {
  const isSecure = request.headers['x-forwarded-proto'] === 'https'
  return `${cookieName(request)}=${id}; Path=${prefixOf(request) || '/'}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
}

/** Cookies of one host go to all of its ports, so that the name carries the port. */
function cookieName({ socket }: IncomingMessage): string {
  return `aibroker_${socket.localPort ?? 'sock'}`
}

function sessionIdOf(request: IncomingMessage): string | undefined {
  return cookieOf(request, cookieName(request))
}

function cookieOf({ headers }: IncomingMessage, name: string): string | undefined {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='))
  return pairs.find(([key]) => key === name)?.[1]
}

function isLoopbackPeer(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address) || address === ''
}

function header({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

const MAX_LOGIN_BYTES = 8192

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = await readBody(request, MAX_LOGIN_BYTES)
  try {
    return Object(JSON.parse(body.toString())) as Record<string, unknown>
  } catch (error) {
    throw new BrokerError('bad-request', 'the body is not JSON', { cause: error })
  }
}

function sendJson(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(JSON.stringify(body))
}
