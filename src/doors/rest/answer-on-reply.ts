import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { BrokerError } from '../../base/errors.ts'
import type { AnswerSink } from '../../broker/answer-sink.ts'
import { renderError } from '../http/error-envelope.ts'

const DATA = Buffer.from('data: ')
const EVENT_END = Buffer.from('\n\n')
const DONE = 'data: [DONE]\n\n'

/** The caller's side of one request: chunks become server-sent events, a plain answer becomes the body. */
export class AnswerOnReply implements AnswerSink {
  readonly #reply: FastifyReply
  readonly #raw: ServerResponse
  #id = ''
  #isStreaming = false
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

  chunk(json: Uint8Array): boolean {
    if (!this.#isStreaming) this.#beginStream()
    return this.#raw.write(Buffer.concat([DATA, json, EVENT_END], json.length + 8))
  }

  #beginStream(): void {
    this.#isStreaming = true
    this.#reply.hijack()
    this.#raw.on('drain', () => this.whenReady?.())
    this.#raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-generation-id': this.#id,
      // Asks nginx and its like to pass events on as they come.
      'x-accel-buffering': 'no',
    })
  }

  answer(json: Uint8Array): void {
    this.#reply.hijack()
    this.#raw.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': json.length,
      'x-generation-id': this.#id,
    })
    this.#raw.end(json)
  }

  end(): void {
    if (this.#isStreaming) this.#raw.end(DONE)
  }

  fail(error: BrokerError): void {
    const chunk = {
      id: this.#id,
      object: 'chat.completion.chunk',
      created: Math.floor(Date.now() / 1000),
      error: renderError(error).body.error,
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    }
    this.#raw.end(`data: ${JSON.stringify(chunk)}\n\n`)
  }

  /** Takes the reply out of Fastify's hands when nobody is there to read it. */
  abandon(): void {
    if (this.#reply.sent) return
    this.#reply.hijack()
    this.#raw.destroy()
  }
}
