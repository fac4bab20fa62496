import { BrokerError } from '../../../base/errors.ts'
import type { ResponseHead } from '../../../inference/response/response-formatter.ts'
import type { ResponseSink, CallerWatcher } from '../../../inference/response/response-sink.ts'

/** An hour of speech as MP3. */
const MAX_BYTES = 32 * 1024 * 1024

/** Buffers one plain response for a caller that waits for the complete result. */
export class BufferedResponseSink implements ResponseSink {
  readonly id: string
  readonly #signal: AbortSignal
  #json: string | undefined
  #head: ResponseHead | undefined
  readonly #pieces: Buffer[] = []
  #byteLength = 0
  #failure: BrokerError | undefined
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

  /** The bytes of a response that is not JSON, with their type. Throws what `json` throws, and the failure of one that broke off. */
  get sound(): { readonly bytes: Buffer; readonly contentType: string } {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#pieces.length === 0)
      throw new BrokerError('internal', 'the caller disconnected before the response arrived')
    const { contentType = 'application/octet-stream' } = this.#head ?? {}
    return { bytes: Buffer.concat(this.#pieces), contentType }
  }

  setHead(head: ResponseHead): void {
    this.#head = head
  }

  /** Of a response that is too long for one result the rest is dropped, and it fails. */
  bytes(piece: Uint8Array): boolean {
    this.#byteLength += piece.length
    if (this.#byteLength <= MAX_BYTES) this.#pieces.push(Buffer.from(piece))
    else
      this.#failure = new BrokerError(
        'too-large',
        `the response is larger than ${MAX_BYTES} bytes; POST /v1/audio/speech sends it as it comes`,
      )
    return true
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

  /** A plain response is delivered as a whole, so that only bytes can break off. */
  fail(error: BrokerError): void {
    this.#failure = error
    if (this.#pieces.length === 0) throw error
  }
}
