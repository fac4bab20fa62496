import { OutgoingMessage, ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export type Headers = Readonly<Record<string, string | number>>

/**
 * A response whose bytes a route may put on the socket itself, head and first word in one piece. Node writes head and body
 * apart and wants a turn of `process.nextTick` for each: 2.5 of 79 µs of a request, and three times that of one
 * that is the first in a while. What is anyhow unusual is left to Node; both ways a client gets the same.
 */
export class Outgoing<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  #socket: Socket | undefined
  /** For so many seconds the server keeps an idle connection. */
  keptForS = 0

  static {
    // Of a head that it didn't write Node knows nothing.
    Object.defineProperty(this.prototype, 'headersSent', {
      get(this: Outgoing): boolean {
        return this.#socket !== undefined || hasSentHeaders(this)
      },
    })
  }

  /**
   * The head of an answer of 200 and the socket that it is to be written to; from then on everything up to the last byte is
   * the route's to write, and `over` its to say. `undefined` when Node has to answer: the answer before on the connection
   * is still under way, the client speaks HTTP/1.0, somebody has set a header already, or a value is not plain ASCII.
   */
  straight(headers: Headers): { readonly head: string; readonly socket: Socket } | undefined {
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
    return `Connection: keep-alive\r\nKeep-Alive: timeout=${this.keptForS}\r\n`
  }

  /** The last byte was given to the socket: once the system has it the connection is free for its next request. Twice is once. */
  over(): void {
    const socket = this.#socket
    if (socket === undefined || this.finished) return
    // Seen by Node, too: it takes for idle whose response has ended.
    this.finished = true
    // A write that failed at once has left nothing to wait for, and is not yet known as a closed connection.
    if (socket.destroyed || socket.errored !== null) return
    if (socket.writableLength === 0) this.#finish(socket)
    else socket.write('', (error) => (error ? undefined : this.#finish(socket)))
  }

  #finish(socket: Socket): void {
    // Before Node hears of it, so that it sends nothing more.
    if (!this.shouldKeepAlive) socket.destroySoon()
    this.emit('finish')
  }
}

const headersSent = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'headersSent')

function hasSentHeaders(response: Outgoing): boolean {
  return headersSent?.get?.call(response) === true
}

/** What may stand in a head as it is, whoever reads it. */
export function isPlainAscii(text: string): boolean {
  return PRINTABLE.test(text)
}

const PRINTABLE = /^[\x20-\x7e]*$/

let dateSecond = 0
let date = ''

/** RFC 9110, 6.6.1: an answer says when it was made, to the second. */
function dateText(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    date = new Date(second * 1000).toUTCString()
  }
  return date
}
