import type { Socket } from 'node:net'
import { asBrokerError, type BrokerError } from '../../../base/errors.ts'
import type { Call, Carrier } from './http-call.ts'
import type { Dialer, SocketListener } from './connect.ts'
import { brokenAnswer, closedEarly, failedToConnect, tookTooLong } from './transport-errors.ts'
import { writeRequest } from './request-writer.ts'
import { BrokenResponse, type ResponseHead } from './response-head.ts'
import { ResponseReader, type ResponseSink } from './response-reader.ts'
import type { Ticker } from './ticker.ts'

/** Bounds in milliseconds on the silence of a provider, kept to within a second. */
export interface Timeouts {
  readonly connectMs: number
  /** From the request to the answer's headers; also for how long a request may wait for a free connection. */
  readonly headersMs: number
  /** Between two pieces of the answer. */
  readonly gapMs: number
}

export interface ConnectionParts {
  readonly dialer: Dialer
  readonly timeouts: Timeouts
  readonly ticker: Ticker
  readonly owner: ConnectionOwner
}

export interface ConnectionOwner {
  /** The connection has read its answer and may carry another call. */
  onFree(connection: Connection): void
  onClosed(connection: Connection): void
  /** The connection had been given up before the call could be heard on it; it is to be carried by a new one. */
  onStale(call: Call): void
}

/**
 * A provider that gives up a kept connection may do so while our next request is on its way. It then closes within a round
 * trip and has read nothing; one that closes later may have been at work on it.
 */
const MOST_RACE_MS = 1000

/** One socket, which carries one call at a time. */
export class Connection implements Carrier, SocketListener, ResponseSink {
  readonly #parts: ConnectionParts
  readonly #socket: Socket
  readonly #reader = new ResponseReader(this)
  #call: Call | undefined
  /** Connected, and for TLS verified. */
  #isReady = false
  /** It has answered a call before this one. */
  #isReused = false
  /** Until when a close means that the provider has not read the request. */
  #raceEndsMs = 0
  /** Something of an answer has come. */
  #isAnswering = false
  #isPaused = false
  #keepMs = 0
  /** When the wait that is on has taken too long; `Infinity` while nobody waits. */
  #dueMs = Infinity

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#dueMs = parts.ticker.in(parts.timeouts.connectMs)
    this.#socket = parts.dialer.dial(this)
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed
  }

  carry(call: Call): void {
    this.#call = call
    call.carrier = this
    if (call.isPaused) this.pause()
    if (this.#isReady) this.#send(call)
  }

  close(): void {
    this.#dueMs = Infinity
    this.#socket.destroy()
  }

  /** Looks at the time. */
  check(nowMs: number): void {
    if (nowMs < this.#dueMs) return
    if (this.#call === undefined) this.close()
    else this.#fail(this.#tooLong())
  }

  drop(): void {
    this.#call = undefined
    this.close()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
    // Who doesn't listen can't say that nothing comes. Connecting goes on, though.
    if (this.#isReady) this.#dueMs = Infinity
  }

  resume(): void {
    this.#isPaused = false
    this.#socket.resume()
    if (this.#isReady) this.#expectMore()
  }

  onReady(): void {
    this.#isReady = true
    if (this.#call !== undefined) this.#send(this.#call)
  }

  onBytes(bytes: Buffer, length: number): void {
    const call = this.#call
    // An answer that nobody asked for could pass for the answer to the next request.
    if (call === undefined) return this.close()
    this.#isAnswering = true
    let used = length
    try {
      used = this.#reader.read(bytes, length)
    } catch (error) {
      return this.#fail(error instanceof BrokenResponse ? brokenAnswer(error) : asBrokerError(error))
    }
    if (this.#call !== call) return undefined
    if (this.#reader.isDone) this.#finish(call, used === length)
    else if (this.#reader.isInBody && !this.#isPaused) this.#expectMore()
    return undefined
  }

  head({ status, headers, keepMs }: ResponseHead): void {
    this.#keepMs = keepMs
    this.#call?.handler.onHeaders(status, headers)
  }

  piece(piece: Buffer): boolean {
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
    this.#parts.owner.onClosed(this)
  }

  #send(call: Call): void {
    this.#isAnswering = false
    if (this.#isReused) this.#raceEndsMs = this.#parts.ticker.in(MOST_RACE_MS)
    this.#reader.begin()
    if (!this.#isPaused) this.#expectMore()
    writeRequest(this.#socket, call.head, call.body)
  }

  /** From now on the next sign of the provider is waited for. */
  #expectMore(): void {
    const { timeouts, ticker } = this.#parts
    this.#dueMs = ticker.in(this.#reader.isInBody ? timeouts.gapMs : timeouts.headersMs)
  }

  /** Frees the connection before the handler hears of the end, so that its next request finds it. */
  #finish(call: Call, isClean: boolean): void {
    this.#leave(call)
    // The provider may answer before it has heard all; what is still to be sent would then be the next request's beginning.
    if (isClean && this.#keepMs > 0 && this.#socket.writableLength === 0) this.#rest()
    else this.close()
    call.end()
  }

  #rest(): void {
    if (this.#isPaused) this.#socket.resume()
    this.#isPaused = false
    this.#isReused = true
    this.#dueMs = this.#parts.ticker.in(this.#keepMs)
    this.#parts.owner.onFree(this)
  }

  #fail(error: BrokerError): void {
    const call = this.#call
    if (call !== undefined) this.#leave(call)
    this.close()
    call?.fail(error)
  }

  #leave(call: Call): void {
    this.#call = undefined
    call.carrier = undefined
  }

  #lose(cause: Error | undefined): void {
    const call = this.#call
    if (call === undefined) this.close()
    else if (this.#isStale()) this.#handBack(call)
    else this.#fail(this.#lost(cause))
  }

  #isStale(): boolean {
    return this.#isReady && !this.#isAnswering && this.#parts.ticker.now() < this.#raceEndsMs
  }

  #handBack(call: Call): void {
    this.#leave(call)
    this.close()
    this.#parts.owner.onStale(call)
  }

  #lost(cause: Error | undefined): BrokerError {
    const { dialer } = this.#parts
    if (!this.#isReady) return failedToConnect(dialer.where, cause ?? new Error('it was closed at once'))
    if (!this.#isAnswering) return closedEarly('before it answered', cause)
    return closedEarly(`in the middle of its ${this.#reader.isInBody ? 'answer' : 'headers'}`, cause)
  }

  #tooLong(): BrokerError {
    const { timeouts, dialer } = this.#parts
    if (!this.#isReady) return tookTooLong(`no connection to ${dialer.where}`, timeouts.connectMs, true)
    if (this.#reader.isInBody) return tookTooLong('nothing more of its answer', timeouts.gapMs, false)
    return tookTooLong('no answer', timeouts.headersMs, false)
  }
}
