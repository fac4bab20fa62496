import { asBrokerError, type BrokerError } from '../../../base/errors.ts'
import type { UpstreamCall, UpstreamHandler, UpstreamRequest } from '../upstream.ts'

/** What a call runs on (a connection) or waits in (the pool's queue). */
export interface CallHost {
  /** The caller left: the request must not be sent, or its response not be read. */
  drop(call: HttpCall): void
  pause(): void
  resume(): void
}

/** One request in flight, between the connection and its handler. The handler gets exactly one end. */
export class HttpCall implements UpstreamCall {
  readonly head: string
  readonly body: UpstreamRequest['body']
  readonly handler: UpstreamHandler
  host: CallHost | undefined
  wasSent = false
  /** How long it may wait for a connection, on the clock of the pool's timer. */
  dueMs = Infinity
  #isOver = false
  #isPaused = false

  constructor(head: string, body: UpstreamRequest['body'], handler: UpstreamHandler) {
    this.head = head
    this.body = body
    this.handler = handler
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.host?.drop(this)
  }

  pause(): void {
    if (this.#isPaused || this.#isOver) return
    this.#isPaused = true
    this.host?.pause()
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return
    this.#isPaused = false
    this.host?.resume()
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.handler.onEnd()
    } catch (error) {
      // A handler that throws on the end has not ended in good order.
      this.handler.onError(asBrokerError(error))
    }
  }

  fail(error: BrokerError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.handler.onError(error)
  }
}
