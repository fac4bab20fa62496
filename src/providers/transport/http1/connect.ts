import { isIP, connect as connectPlain, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { BaseUrl } from '../base-url.ts'

/** How connections to one provider are made. */
export interface Dialer {
  /** For messages: `api.groq.com:443`. */
  readonly where: string
  readonly host: string
  dial(listener: SocketListener): Socket
}

export interface SocketListener {
  onReady(): void
  onBytes(bytes: Buffer, length: number): void
  /** The provider sends nothing more. */
  onEnd(): void
  onError(error: Error): void
  onClose(): void
}

export interface TlsOptions {
  /** Certificates (PEM) that are trusted in place of the usual ones. */
  readonly ca?: string | readonly string[] | undefined
}

/** One read of a socket brings at most this much; the memory is used again for the next. */
const READ_BYTES = 64 * 1024

const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

export function createDialer(base: BaseUrl, tls: TlsOptions = {}): Dialer {
  const url = new URL(base.origin)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isTls = url.protocol === 'https:'
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port)
  const address = base.socketPath === undefined ? { host, port } : { path: base.socketPath }
  const where = base.socketPath ?? `${url.hostname}:${port}`
  if (!isTls) return { where, host: url.host, dial: (listener) => dialPlain(address, listener) }
  let session: Buffer | undefined
  return {
    where,
    host: url.host,
    dial(listener) {
      const socket = connectTls({ ...SOCKET_OPTIONS, ...tlsOptions(host, tls), ...address, session })
      socket.on('secureConnect', () => listener.onReady())
      // The next connection saves a round trip with it. Only given out after the certificate was found good.
      socket.on('session', (fresh) => (session = fresh))
      socket.on('data', (bytes) => listener.onBytes(bytes, bytes.length))
      return listen(socket, listener)
    },
  }
}

/** Whatever the environment says, certificates are verified. */
function tlsOptions(host: string, { ca }: TlsOptions): ConnectionOptions {
  return {
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  }
}

function dialPlain(
  address: { host: string; port: number } | { path: string },
  listener: SocketListener,
): Socket {
  const onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(length, bytes) {
      listener.onBytes(bytes as Buffer, length)
      // True is “go on reading”; who wants a pause has told the socket.
      return true
    },
  }
  const socket = connectPlain({ ...SOCKET_OPTIONS, ...address, onread })
  socket.on('connect', () => listener.onReady())
  return listen(socket, listener)
}

function listen(socket: Socket, listener: SocketListener): Socket {
  socket.on('end', () => listener.onEnd())
  socket.on('error', (error) => listener.onError(error))
  socket.on('close', () => listener.onClose())
  return socket
}
