import { OutgoingMessage, ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export type Headers = Readonly<Record<string, string | number>>

/**
 * A response whose bytes a route may write to the socket itself, head and first event in one piece. Node writes head and body
 * separately, with a turn of `process.nextTick` for each: 2.5 of 79 µs of a request, and three times that of the first
 * request in a while. Unusual responses are left to Node; the client receives the same bytes either way.
 */
export class FastResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  #socket: Socket | undefined
  /** How many seconds the server keeps an idle connection. */
  keepAliveS = 0

  static {
    // Node does not know of a head that it did not write.
    Object.defineProperty(this.prototype, 'headersSent', {
      get(this: FastResponse): boolean {
        return this.#socket !== undefined || hasSentHeaders(this)
      },
    })
  }

  /**
   * Returns the head of a 200 response and the socket to write it to; from then on the route writes all bytes itself and calls
   * `finish` after the last. `undefined` when Node has to write the response: the previous response on the connection is not
   * finished, the client speaks HTTP/1.0, a header was set already, or a value is not plain ASCII.
   */
  takeSocket(headers: Headers): { readonly head: string; readonly socket: Socket } | undefined {
    const { socket } = this
    if (socket?.writable !== true || this.headersSent || this.req.httpVersionMinor === 0) return undefined
    if (this.getHeaderNames().length > 0) return undefined
    let head = 'HTTP/1.1 200 OK\r\n'
    for (const name in headers) {
      const value = String(headers[name])
      if (!isPlainAscii(value)) return undefined
      head += `${name}: ${value}\r\n`
    }
    this.#socket = socket
    return { head: `${head}Date: ${dateText()}\r\n${this.#connectionText()}\r\n`, socket }
  }

  #connectionText(): string {
    if (!this.shouldKeepAlive) return 'Connection: close\r\n'
    return `Connection: keep-alive\r\nKeep-Alive: timeout=${this.keepAliveS}\r\n`
  }

  /**
   * Call this when the last byte was given to the socket: once the system has it, the connection is free for the next
   * request. Further calls do nothing.
   */
  finish(): void {
    const socket = this.#socket
    if (socket === undefined || this.finished) return
    // Node reads this field too: it regards a connection as idle when its response has ended.
    this.finished = true
    // After a write that failed at once there is nothing to wait for, and the socket is not yet marked as closed.
    if (socket.destroyed || socket.errored !== null) return
    if (socket.writableLength === 0) this.#emitFinish(socket)
    else socket.write('', (error) => (error ? undefined : this.#emitFinish(socket)))
  }

  #emitFinish(socket: Socket): void {
    // Before Node gets the event, so that it sends nothing more.
    if (!this.shouldKeepAlive) socket.destroySoon()
    this.emit('finish')
  }
}

const headersSent = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'headersSent')

function hasSentHeaders(response: FastResponse): boolean {
  return headersSent?.get?.call(response) === true
}

/** Whether a text may stand in a head as it is, without encoding. */
export function isPlainAscii(text: string): boolean {
  return PRINTABLE.test(text)
}

const PRINTABLE = /^[\x20-\x7e]*$/

let dateSecond = 0
let date = ''

/** RFC 9110, 6.6.1: a response carries the time of its creation, to the second. Formatted once per second for all servers. */
function dateText(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    date = new Date(second * 1000).toUTCString()
  }
  return date
}
