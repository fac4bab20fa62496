import type { Socket } from 'node:net'
import { asBrokerError, type BrokerError } from '../../../base/errors.ts'
import type { Timed, DeadlineTimer } from '../timeouts.ts'
import type { Connector, SocketHandler } from './connect.ts'
import type { CallHost, HttpCall } from './http-call.ts'
import { isStreamed, type StreamedBody } from '../../streamed-body.ts'
import { writeRequest, writeStreamed } from './request-writer.ts'
import { BrokenResponse, type ResponseHead } from './response-head.ts'
import { ResponseReader, type ResponseParts } from './response-reader.ts'
import {
  brokenResponse,
  closedEarly,
  closedWhileSent,
  failedToConnect,
  tookTooLong,
  unsent,
} from './transport-errors.ts'

/** Maximum times that a provider may be silent, in milliseconds, kept to within a second. */
export interface Timeouts {
  readonly connectMs: number
  /** From the request to the response's headers; also for how long a request may wait for a free connection. */
  readonly headersMs: number
  /** Between two pieces of the response. */
  readonly gapMs: number
}

export interface ConnectionParts {
  readonly connector: Connector
  readonly timeouts: Timeouts
  readonly timer: DeadlineTimer
  readonly owner: ConnectionOwner
}

export interface ConnectionOwner {
  /** The connection has read its response and can take another call. */
  onFree(connection: Connection): void
  onClosed(connection: Connection): void
  /** No byte of the call's request has left this host, because the kept connection was closed: it needs a new one. */
  onUnsent(call: HttpCall): void
  /** The provider closed a kept connection as a request was sent; it may be closing the others, too. */
  onStale(): void
}

/**
 * A provider that closes a kept connection may do so while our next request is on its way, and then closes within a round
 * trip. Whether it has read the request is unknown.
 */
const MAX_STALE_MS = 1000

/** One socket, which carries one call at a time. */
export class Connection implements CallHost, SocketHandler, ResponseParts, Timed {
  place = -1
  readonly #parts: ConnectionParts
  #socket: Socket
  readonly #reader = new ResponseReader(this)
  #call: HttpCall | undefined
  /**
   * `connecting` until connected, and for TLS verified; `sent` until the first byte of a response; `reading` until the
   * response is complete; then `idle`.
   */
  #state: 'connecting' | 'idle' | 'sent' | 'reading' = 'connecting'
  /** Until when a close may be that of a kept connection; 0 for the first request. */
  #staleUntilMs = 0
  /** The system took no byte of the request, because the connection was closed. */
  #isUnsent = false
  /** A response was read on it before. */
  #isReused = false
  #isPaused = false
  /** The body of the request is still being read and sent. */
  #isUploading = false
  #keepMs = 0
  /** When the current wait has taken too long; `Infinity` while nothing is waited for. */
  #dueMs: number

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    parts.timer.add(this)
    this.#dueMs = parts.timer.in(parts.timeouts.connectMs)
    this.#socket = parts.connector.connect(this)
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed
  }

  send(call: HttpCall): void {
    this.#call = call
    call.host = this
    if (call.isPaused) this.pause()
    if (this.#isReady) this.#write(call)
  }

  close(): void {
    this.#dueMs = Infinity
    this.#socket.destroy()
  }

  check(nowMs: number): void {
    if (nowMs < this.#dueMs) return
    if (this.#call === undefined) this.close()
    else this.#fail(this.#timeoutError())
  }

  drop(): void {
    this.#call = undefined
    this.close()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
    // While nothing is read, silence says nothing about the provider. Connecting goes on, though.
    if (this.#isReady) this.#dueMs = Infinity
  }

  resume(): void {
    this.#isPaused = false
    this.#socket.resume()
    if (this.#isReady) this.#expectMore()
  }

  onUpgrade(socket: Socket): void {
    this.#socket = socket
    if (this.#isPaused) socket.pause()
  }

  onReady(): void {
    this.#state = 'idle'
    if (this.#call !== undefined) this.#write(this.#call)
  }

  onBytes(bytes: Buffer, length: number): void {
    const call = this.#call
    // A response without a request could pass for the response to the next request.
    if (call === undefined) return this.close()
    this.#state = 'reading'
    let used = length
    try {
      used = this.#reader.read(bytes, length)
    } catch (error) {
      return this.#fail(error instanceof BrokenResponse ? brokenResponse(error) : asBrokerError(error))
    }
    if (this.#call !== call) return undefined
    if (this.#reader.isDone) this.#finish(call, used === length)
    else if (this.#reader.isInBody && !this.#isPaused) this.#expectMore()
    return undefined
  }

  onHead({ status, headers, keepMs }: ResponseHead): void {
    this.#keepMs = keepMs
    this.#call?.handler.onHeaders(status, headers)
  }

  onPiece(piece: Buffer): boolean {
    this.#call?.handler.onData(piece)
    return this.#call !== undefined
  }

  onEnd(): void {
    const call = this.#call
    if (call !== undefined && this.#reader.isEndless) this.#finish(call, false)
    else this.#lose(undefined)
  }

  onError(error: Error): void {
    this.#lose(error)
  }

  onClose(): void {
    this.#lose(undefined)
    this.#parts.timer.delete(this)
    this.#parts.owner.onClosed(this)
  }

  get #isReady(): boolean {
    return this.#state !== 'connecting'
  }

  #write(call: HttpCall): void {
    this.#state = 'sent'
    if (this.#isReused) this.#staleUntilMs = this.#parts.timer.in(MAX_STALE_MS)
    this.#reader.begin()
    if (!this.#isPaused) this.#expectMore()
    const { body } = call
    this.#isUnsent = writeRequest(this.#socket, call.head, isStreamed(body) ? undefined : body)
    call.wasSent = !this.#isUnsent
    if (isStreamed(body) && !this.#isUnsent) this.#upload(call, body)
  }

  /** A response may come, and be read to its end, before the whole body was sent. */
  #upload(call: HttpCall, body: StreamedBody): void {
    this.#isUploading = true
    writeStreamed(this.#socket, body, () => this.#call === call).then(
      (isSent) => {
        if (isSent) this.#isUploading = false
      },
      (error: unknown) => {
        if (this.#call === call) this.#fail(asBrokerError(error))
      },
    )
  }

  /** From now on the next sign of the provider is waited for. */
  #expectMore(): void {
    const { timeouts, timer } = this.#parts
    this.#dueMs = timer.in(this.#reader.isInBody ? timeouts.gapMs : timeouts.headersMs)
  }

  /** Frees the connection before the handler gets the end, so that the handler's next request can use it. */
  #finish(call: HttpCall, isClean: boolean): void {
    this.#detach(call)
    // A provider may respond before it has read the whole request; the unsent rest would begin the next request.
    const isSent = !this.#isUploading && this.#socket.writableLength === 0
    if (isClean && this.#keepMs > 0 && isSent) this.#keep()
    else this.close()
    call.end()
  }

  #keep(): void {
    if (this.#isPaused) this.#socket.resume()
    this.#isPaused = false
    this.#state = 'idle'
    this.#isReused = true
    this.#dueMs = this.#parts.timer.in(this.#keepMs)
    this.#parts.owner.onFree(this)
  }

  #fail(error: BrokerError): void {
    const call = this.#call
    if (call !== undefined) this.#detach(call)
    this.close()
    call?.fail(error)
  }

  #detach(call: HttpCall): void {
    this.#call = undefined
    call.host = undefined
  }

  #lose(cause: Error | undefined): void {
    const call = this.#call
    if (call === undefined) this.close()
    else if (this.#isUnsent && this.#isReused) this.#handBack(call)
    else this.#fail(this.#lostError(cause))
  }

  /** A new connection is not reused, so that no request is handed back twice. */
  #handBack(call: HttpCall): void {
    this.#detach(call)
    this.close()
    this.#parts.owner.onUnsent(call)
  }

  #isStale(): boolean {
    return this.#state === 'sent' && this.#parts.timer.now() < this.#staleUntilMs
  }

  #lostError(cause: Error | undefined): BrokerError {
    const { connector, owner } = this.#parts
    if (!this.#isReady) return failedToConnect(connector.where, cause ?? new Error('it was closed at once'))
    if (this.#isUnsent) return unsent(cause)
    if (this.#isStale()) {
      owner.onStale()
      return closedWhileSent(cause)
    }
    if (this.#state !== 'reading') return closedEarly('before it responded', cause)
    return closedEarly(`in the middle of its ${this.#reader.isInBody ? 'response' : 'headers'}`, cause)
  }

  #timeoutError(): BrokerError {
    const { timeouts, connector } = this.#parts
    if (!this.#isReady) return tookTooLong(`no connection to ${connector.where}`, timeouts.connectMs, true)
    if (this.#reader.isInBody) return tookTooLong('nothing more of its response', timeouts.gapMs, false)
    return tookTooLong('no response', timeouts.headersMs, false)
  }
}
