import { BrokerError } from '../../../base/errors.ts'
import type { ResponseSink, CallerWatcher } from '../../../inference/response/response-sink.ts'

/** Buffers one plain response for a caller that waits for the complete result. */
export class BufferedResponseSink implements ResponseSink {
  readonly id: string
  readonly #signal: AbortSignal
  #json: string | undefined
  watcher: CallerWatcher | undefined

  /** @param signal aborts when the caller disconnects. */
  constructor(id: string, signal: AbortSignal) {
    this.id = id
    this.#signal = signal
    signal.addEventListener('abort', () => this.watcher?.onDisconnect())
  }

  get disconnected(): boolean {
    return this.#signal.aborted
  }

  /** The response. Throws `internal` when the caller disconnected before there was one. */
  get json(): string {
    if (this.#json === undefined)
      throw new BrokerError('internal', 'the caller disconnected before the response arrived')
    return this.#json
  }

  start(): void {}

  /** Ignored: a result has no headers. */
  setAttempted(): void {}

  /** Never called: the request is not streamed. */
  chunk(): boolean {
    return true
  }

  respond(json: string): void {
    this.#json = json
  }

  end(): void {}

  fail(error: BrokerError): void {
    throw error
  }
}
