import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import type { BrokerError } from '../../base/errors.ts'
import type { AnswerSink } from '../../broker/answer-sink.ts'
import { renderError } from '../http/error-envelope.ts'

const DONE = 'data: [DONE]\n\n'

/** The caller's side of one request: chunks become server-sent events, a plain answer becomes the body. */
export class AnswerOnReply implements AnswerSink {
  readonly #reply: FastifyReply
  readonly #raw: ServerResponse
  #id = ''
  /** Set while a stream is under way. */
  #socket: Socket | undefined
  #isWaiting = false
  isGone = false
  whenGone: (() => void) | undefined
  whenReady: (() => void) | undefined

  constructor(reply: FastifyReply) {
    this.#reply = reply
    this.#raw = reply.raw
    // Also emitted when all went well; then nobody is waiting to hear it.
    this.#raw.once('close', () => {
      this.isGone = true
      this.whenGone?.()
    })
  }

  accept(id: string): void {
    this.#id = id
    void this.#reply.header('x-generation-id', id)
  }

  chunk(json: string): boolean {
    this.#socket ??= this.#beginStream()
    return this.#write(`data: ${json}\n\n`)
  }

  #beginStream(): Socket | undefined {
    this.#reply.hijack()
    this.#raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-generation-id': this.#id,
      // Asks nginx and its like to pass events on as they come.
      'x-accel-buffering': 'no',
    })
    this.#raw.flushHeaders()
    return this.#raw.socket ?? undefined
  }

  /**
   * One event as one HTTP/1.1 chunk, framed here and written straight to the socket: `ServerResponse.write` makes four
   * pieces of it, at a third more CPU per event. Only for a response that has the socket and uses chunked framing.
   */
  #write(event: string): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#raw.chunkedEncoding)
      return this.#whenDrained(this.#raw.write(event), this.#raw)
    const size = Buffer.byteLength(event).toString(16)
    return this.#whenDrained(socket.write(`${size}\r\n${event}\r\n`), socket)
  }

  #whenDrained(hasRoom: boolean, stream: Socket | ServerResponse): boolean {
    if (hasRoom || this.#isWaiting) return hasRoom
    this.#isWaiting = true
    stream.once('drain', () => {
      this.#isWaiting = false
      this.whenReady?.()
    })
    return false
  }

  /** A string, because Node then writes head and body at once. */
  answer(json: string): void {
    this.#reply.hijack()
    this.#raw.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(json),
      'x-generation-id': this.#id,
    })
    this.#raw.end(json)
  }

  end(): void {
    if (!this.#raw.headersSent || this.#raw.writableEnded) return
    this.#write(DONE)
    this.#raw.end()
  }

  fail(error: BrokerError): void {
    const chunk = {
      id: this.#id,
      object: 'chat.completion.chunk',
      created: Math.floor(Date.now() / 1000),
      error: renderError(error).body.error,
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    }
    this.#write(`data: ${JSON.stringify(chunk)}\n\n`)
    this.#raw.end()
  }

  /** Takes the reply out of Fastify's hands when nobody is there to read it. */
  abandon(): void {
    if (this.#reply.sent) return
    this.#reply.hijack()
    this.#raw.destroy()
  }
}
