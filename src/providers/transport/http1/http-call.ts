import { asBrokerError, type BrokerError } from '../../../base/errors.ts'
import type { UpstreamCall, UpstreamHandler } from '../upstream.ts'

/** What a call is on or waits in. */
export interface Carrier {
  /** Its caller left: it must not be sent, or its answer not be read. */
  drop(call: Call): void
  pause(): void
  resume(): void
}

/** One request under way: the wire on one side, the handler on the other, which hears of one ending only. */
export class Call implements UpstreamCall {
  readonly head: string
  readonly body: string | Uint8Array | undefined
  readonly handler: UpstreamHandler
  carrier: Carrier | undefined
  /** Until when it may wait for a connection, on the ticker's clock. */
  dueMs = Infinity
  #isOver = false
  #isPaused = false

  constructor(head: string, body: string | Uint8Array | undefined, handler: UpstreamHandler) {
    this.head = head
    this.body = body
    this.handler = handler
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.carrier?.drop(this)
  }

  pause(): void {
    if (this.#isPaused || this.#isOver) return
    this.#isPaused = true
    this.carrier?.pause()
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return
    this.#isPaused = false
    this.carrier?.resume()
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.handler.onEnd()
    } catch (error) {
      // Whoever stumbles over the end has not ended.
      this.handler.onError(asBrokerError(error))
    }
  }

  fail(error: BrokerError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.handler.onError(error)
  }
}
