import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import type { BrokerError } from '../../base/errors.ts'
import { generationId } from '../../base/ids.ts'
import type { AnswerSink, BrokenAnswer, CallerWatcher } from '../../broker/answer-sink.ts'
import type { DoorReply } from '../http/exchange.ts'
import { renderError } from '../http/error-envelope.ts'
import { atTurnsEnd, type Late } from './turns-end.ts'

const DONE = 'data: [DONE]\n\n'
/** OpenRouter's words; SSE clients skip comments. */
const KEEP_ALIVE = ': OPENROUTER PROCESSING\n\n'
/** A stream that is silent for so long gets a comment, so that nobody between takes it for dead. */
const SILENCE_MS = 10_000

/** What the door knows of an answer before it comes. */
export interface Expected {
  readonly model: string
  readonly streamed: boolean
  /** What a chunk of it calls itself. */
  readonly object: string
}

/** The caller's side of one request: chunks become server-sent events, a plain answer becomes the body. */
export class AnswerOnReply implements AnswerSink, Late {
  readonly id: string
  readonly #reply: DoorReply
  readonly #raw: ServerResponse
  readonly #clock: Clock
  #tried = ''
  #expected: Expected = { model: '', streamed: false, object: '' }
  #headers: Readonly<Record<string, string>> = {}
  #hasSpoken = false
  #wasSilent = false
  #cancelKeepAlive: () => void = () => undefined
  #hasBegun = false
  /** Set while a stream is under way that had the connection to itself when it began. */
  #socket: Socket | undefined
  #isWaiting = false
  /** A whole answer that goes out at the end of this turn. */
  #whole: string | undefined
  #encoding: 'latin1' | 'utf8' = 'utf8'
  isGone = false
  watcher: CallerWatcher | undefined

  /** @param id of an answer that is told again; a new one unless said. */
  constructor(reply: DoorReply, clock: Clock, id = generationId(clock.now())) {
    this.id = id
    this.#reply = reply
    this.#raw = reply.raw
    this.#clock = clock
    // Also emitted when all went well; then nobody is waiting to hear it.
    this.#raw.on('close', () => {
      this.isGone = true
      this.#cancelKeepAlive()
      this.watcher?.callerGone()
    })
  }

  /** To be called as soon as the request is understood. */
  expect(expected: Expected): void {
    this.#expected = expected
  }

  accept(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers
    if (this.#expected.streamed) this.#watchSilence()
  }

  #watchSilence(): void {
    this.#wasSilent = true
    this.#cancelKeepAlive = this.#clock.after(SILENCE_MS, () => {
      if (this.isGone || this.#raw.writableEnded) return
      if (this.#wasSilent) this.#write(KEEP_ALIVE)
      this.#watchSilence()
    })
  }

  tried(endpoints: readonly string[]): void {
    this.#tried = asHeader(endpoints.join(', '))
  }

  chunk(json: string): boolean {
    this.#hasSpoken = true
    this.#wasSilent = false
    return this.#write(`data: ${json}\n\n`)
  }

  #beginStream(): Socket | undefined {
    this.#reply.hijack()
    this.#raw.writeHead(200, {
      ...this.#headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-generation-id': this.id,
      'x-aibroker-tried': this.#tried,
      // Asks nginx and its like to pass events on as they come.
      'x-accel-buffering': 'no',
    })
    this.#raw.flushHeaders()
    const { socket, chunkedEncoding } = this.#raw
    return socket !== null && chunkedEncoding ? socket : undefined
  }

  /**
   * One event as one HTTP/1.1 chunk, framed here and written straight to the socket: `ServerResponse.write` makes four
   * pieces of it, at a third more CPU per event. Only for a response that has the socket and uses chunked framing.
   */
  #write(event: string): boolean {
    if (!this.#hasBegun) return this.#writeFirst(event)
    const socket = this.#socket
    if (socket === undefined) return this.#whenDrained(this.#raw.write(event), this.#raw)
    const byteLength = Buffer.byteLength(event)
    const text = `${byteLength.toString(16)}\r\n${event}\r\n`
    return this.#whenDrained(socket.write(text, encodingOf(event, byteLength)), socket)
  }

  /** The head goes out with the first event, in one write. */
  #writeFirst(event: string): boolean {
    const { socket } = this.#raw
    socket?.cork()
    try {
      this.#hasBegun = true
      this.#socket = this.#beginStream()
      return this.#write(event)
    } finally {
      socket?.uncork()
    }
  }

  #whenDrained(hasRoom: boolean, stream: Socket | ServerResponse): boolean {
    if (hasRoom || this.#isWaiting) return hasRoom
    this.#isWaiting = true
    stream.once('drain', () => {
      this.#isWaiting = false
      this.watcher?.callerReady()
    })
    return false
  }

  /** A string, because Node then writes head and body at once. */
  answer(json: string): void {
    const byteLength = Buffer.byteLength(json)
    this.#reply.hijack()
    this.#raw.writeHead(200, {
      ...this.#headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': byteLength,
      'x-generation-id': this.id,
      'x-aibroker-tried': this.#tried,
    })
    this.#whole = json
    this.#encoding = encodingOf(json, byteLength)
    atTurnsEnd(this)
  }

  turnEnds(): void {
    this.#raw.end(this.#whole, this.#encoding)
  }

  end(): void {
    if (this.#whole !== undefined || !this.#raw.headersSent || this.#raw.writableEnded) return
    this.#writeLast(DONE)
  }

  /** Together with the end, in one write. */
  #writeLast(event: string): void {
    const { socket } = this.#raw
    socket?.cork()
    this.#write(event)
    this.#raw.end()
    socket?.uncork()
  }

  fail(error: BrokerError, { model, provider }: BrokenAnswer): void {
    const broken = { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' }
    const chunk = {
      id: this.id,
      object: this.#expected.object,
      created: Math.floor(this.#clock.now() / 1000),
      model,
      provider,
      error: renderError(error).body.error,
      choices: this.#hasSpoken ? [{ ...broken, native_finish_reason: 'error' }] : [],
    }
    this.#writeLast(`data: ${JSON.stringify(chunk)}\n\n`)
  }

  /** For an error before the first chunk. False when the status is still open: then it is the door's to say. */
  tell(error: BrokerError): boolean {
    // An answer that was told as a whole can't be added to.
    if (this.#whole !== undefined) return true
    if (this.isGone) this.#abandon()
    else if (this.#raw.headersSent)
      this.fail(error, { model: this.#expected.model, provider: error.details.provider })
    else {
      void this.#reply.headers({ ...this.#headers, 'x-generation-id': this.id })
      return false
    }
    return true
  }

  /** Takes the reply out of Fastify's hands when nobody is there to read it. */
  leaveIfGone(): void {
    if (this.isGone) this.#abandon()
  }

  #abandon(): void {
    if (this.#reply.sent) return
    this.#reply.hijack()
    this.#raw.destroy()
  }
}

/** ASCII needs no encoding, which takes 0.3 µs of a text of 1 KB. */
function encodingOf(text: string, byteLength: number): 'latin1' | 'utf8' {
  return byteLength === text.length ? 'latin1' : 'utf8'
}

const PRINTABLE = /^[\x20-\x7e]*$/

/** Names of models come from providers, and a head holds no more than ASCII without doubt: the rest is percent-encoded. */
function asHeader(text: string): string {
  return PRINTABLE.test(text) ? text : text.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent)
}
