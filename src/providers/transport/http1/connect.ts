import { isIP, connect as connectPlain, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { BaseUrl } from '../base-url.ts'
import type { ProxyAddress } from '../proxy/proxy-address.ts'
import { authorizationLine, connectToProxy, openTunnel, unreachableProxy } from '../proxy/tunnel.ts'

/** How connections to one provider are made. */
export interface Connector {
  /** For messages: `api.groq.com:443`. */
  readonly where: string
  readonly host: string
  /** What stands before the path in a request: the provider's origin for a proxy that forwards requests, else nothing. */
  readonly forwardedOrigin: string
  /** Header lines of every request, for the proxy that forwards it. */
  readonly proxyLines: string
  connect(handler: SocketHandler): Socket
}

export interface SocketHandler {
  /** The connection goes on on another socket, which was set up on the first. */
  onUpgrade(socket: Socket): void
  onReady(): void
  onBytes(bytes: Buffer, length: number): void
  /** The provider has closed its side: no more bytes come. */
  onEnd(): void
  onError(error: Error): void
  onClose(): void
}

export interface TlsOptions {
  /** Certificates (PEM) that are trusted instead of the system's. */
  readonly ca?: string | readonly string[] | undefined
  /** SHA-256 (hexadecimal) of the only certificate that is accepted, whoever issued it and for whatever name. */
  readonly fingerprint?: string | undefined
}

/** Maximum bytes of one read of a socket; the memory is reused for the next read. */
const READ_BYTES = 64 * 1024

const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

/** @param proxy through which the provider is reached; directly without it. */
export function createConnector(base: BaseUrl, tls: TlsOptions = {}, proxy?: ProxyAddress): Connector {
  const url = new URL(base.origin)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isTls = url.protocol === 'https:'
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port)
  const address = base.socketPath === undefined ? { host, port } : { path: base.socketPath }
  const target = base.socketPath ?? `${url.hostname}:${port}`
  const via = proxy === undefined ? '' : ` through the proxy ${proxy.shown}`
  const common = { where: target + via, host: url.host, forwardedOrigin: '', proxyLines: '' }
  if (!isTls) {
    if (proxy === undefined) return { ...common, connect: (handler) => connectSocket(address, handler) }
    const forwarded = { forwardedOrigin: url.origin, proxyLines: authorizationLine(proxy) }
    return { ...common, ...forwarded, connect: (handler) => connectForwarded(proxy, handler) }
  }
  let session: Buffer | undefined
  const secure = (over: { readonly socket: Socket } | typeof address, handler: SocketHandler): Socket => {
    const socket = connectTls({ ...SOCKET_OPTIONS, ...tlsOptions(host, tls), ...over, session })
    socket.on('secureConnect', () => {
      const fault = pinFault(socket, tls.fingerprint)
      if (fault === undefined) handler.onReady()
      else socket.destroy(fault)
    })
    // The next connection saves a round trip with the session, which is only issued after the certificate was verified.
    socket.on('session', (fresh) => (session = fresh))
    socket.on('data', (bytes) => handler.onBytes(bytes, bytes.length))
    return attach(socket, handler)
  }
  if (proxy === undefined) return { ...common, connect: (handler) => secure(address, handler) }
  return {
    ...common,
    connect: (handler) => connectTunnelled(proxy, target, handler, (socket) => secure({ socket }, handler)),
  }
}

/** The proxy reads each request and sends it on: possible only without TLS to the provider. */
function connectForwarded(proxy: ProxyAddress, handler: SocketHandler): Socket {
  let isConnected = false
  const socket = connectToProxy(proxy, () => {
    isConnected = true
    handler.onReady()
  })
  socket.on('data', (bytes: Buffer) => handler.onBytes(bytes, bytes.length))
  return attach(socket, handler, (error) => (isConnected ? error : unreachableProxy(proxy, error)))
}

/** TLS to the provider through a tunnel of the proxy, which sees only the provider's name. */
function connectTunnelled(
  proxy: ProxyAddress,
  target: string,
  handler: SocketHandler,
  secure: (socket: Socket) => Socket,
): Socket {
  let isOpen = false
  const fail = (error: Error): void => {
    if (!isOpen) handler.onError(error)
    socket.destroy()
  }
  const socket = connectToProxy(proxy, () =>
    openTunnel(socket, proxy, target, {
      refused: fail,
      open() {
        isOpen = true
        handler.onUpgrade(secure(socket))
      },
    }),
  )
  socket.on('error', (error) => fail(unreachableProxy(proxy, error)))
  // Once the tunnel is open, the socket above reports its end.
  socket.on('close', () => isOpen || handler.onClose())
  return socket
}

/** Certificates are always verified, by an authority or by a pin, even with NODE_TLS_REJECT_UNAUTHORIZED=0. */
function tlsOptions(host: string, { ca, fingerprint }: TlsOptions): ConnectionOptions {
  return {
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    // A pinned certificate is compared as soon as the handshake is done, before any byte is sent.
    rejectUnauthorized: fingerprint === undefined,
  }
}

/** Why the peer's certificate is not the pinned one; a resumed session presents none, and was verified when it began. */
function pinFault(socket: TLSSocket, fingerprint: string | undefined): Error | undefined {
  if (fingerprint === undefined || socket.isSessionReused()) return undefined
  const presented = socket.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase()
  if (presented === fingerprint) return undefined
  return new Error(
    `the certificate has the fingerprint ${presented ?? 'of none'}, and ${fingerprint} is pinned`,
  )
}

function connectSocket(
  address: { host: string; port: number } | { path: string },
  handler: SocketHandler,
): Socket {
  const onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(length, bytes) {
      handler.onBytes(bytes as Buffer, length)
      // True means “go on reading”; a pause goes through the socket.
      return true
    },
  }
  const socket = connectPlain({ ...SOCKET_OPTIONS, ...address, onread })
  socket.on('connect', () => handler.onReady())
  return attach(socket, handler)
}

function attach(
  socket: Socket,
  handler: SocketHandler,
  explained: (error: Error) => Error = (error) => error,
): Socket {
  socket.on('end', () => handler.onEnd())
  socket.on('error', (error) => handler.onError(explained(error)))
  socket.on('close', () => handler.onClose())
  return socket
}
