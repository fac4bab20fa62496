import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ProxyAddress } from './proxy-address.ts'

/** A proxy's response to CONNECT is short; more than so many bytes is none. */
const MAX_HEAD_BYTES = 16 * 1024

const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

/** Why a proxy could not be used, in words that say what to do. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
}

/** Connects to a proxy. `onError` gets a `ProxyError` when that fails. */
export function connectToProxy(proxy: ProxyAddress, onConnect: (socket: Socket) => void): Socket {
  const { host, port } = proxy
  const address = { ...SOCKET_OPTIONS, host, port }
  if (!proxy.isTls) {
    const socket = connectPlain(address)
    return socket.once('connect', () => onConnect(socket))
  }
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connectTls({ ...address, ...name, rejectUnauthorized: true, minVersion: 'TLSv1.2' })
  return socket.once('secureConnect', () => onConnect(socket))
}

/** The error of a proxy that could not be reached. */
export function unreachableProxy({ shown }: ProxyAddress, cause: Error): ProxyError {
  return new ProxyError(`no connection to the proxy ${shown}: ${cause.message}`, { cause })
}

/**
 * Asks the proxy at the other end of a socket for a tunnel (CONNECT, RFC 9110, 9.3.6). Exactly one of the callbacks is called.
 * @param target `host:port`.
 */
export function openTunnel(
  socket: Socket,
  proxy: ProxyAddress,
  target: string,
  on: { readonly open: () => void; readonly refused: (error: ProxyError) => void },
): void {
  let head = ''
  const stop = (): void => {
    socket.off('readable', read)
    socket.off('end', end)
  }
  const end = (): void => {
    stop()
    on.refused(new ProxyError(`the proxy ${proxy.shown} closed the connection when asked for ${target}`))
  }
  // Reading by `readable` goes on while the connection's owner has paused it.
  const read = (): void => {
    for (let bytes = socket.read() as Buffer | null; bytes !== null; bytes = socket.read() as Buffer | null) {
      head += bytes.toString('latin1')
      const at = head.indexOf('\r\n\r\n')
      if (at === -1 && head.length <= MAX_HEAD_BYTES) continue
      stop()
      const refusal = refusalOf(head.slice(0, at), head.length > at + 4, proxy, target)
      if (refusal === undefined) on.open()
      else on.refused(refusal)
      return
    }
  }
  socket.on('readable', read)
  socket.on('end', end)
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${authorizationLine(proxy)}\r\n`, 'latin1')
}

/** The header line with the proxy's credentials; empty without any. */
export function authorizationLine({ authorization }: ProxyAddress): string {
  return authorization === undefined ? '' : `proxy-authorization: ${authorization.reveal()}\r\n`
}

function refusalOf(
  head: string,
  hasMore: boolean,
  proxy: ProxyAddress,
  target: string,
): ProxyError | undefined {
  const [line = ''] = head.split('\r\n', 1)
  const [, status, reason = ''] = /^HTTP\/1\.[01] (\d{3})(?: ([\x20-\x7e]{0,100}))?/.exec(line) ?? []
  if (status === undefined) return new ProxyError(`the proxy ${proxy.shown} does not speak HTTP`)
  if (!status.startsWith('2')) return new ProxyError(refusalText(proxy, target, status, reason))
  // The provider speaks only after our first message.
  return hasMore ? new ProxyError(`the proxy ${proxy.shown} sent more than its response`) : undefined
}

function refusalText(
  { shown, authorization }: ProxyAddress,
  target: string,
  status: string,
  reason: string,
): string {
  const answer = `HTTP ${status}${reason === '' ? '' : ` ${reason}`}`
  if (status !== '407') return `the proxy ${shown} does not connect to ${target}: ${answer}`
  return authorization === undefined
    ? `the proxy ${shown} wants credentials (${answer}): write its address as http://user:password@…`
    : `the proxy ${shown} refuses our credentials (${answer})`
}
