import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { FastResponse, type Headers } from '../../../http/node/fast-response.ts'

const LAST_CHUNK = '0\r\n\r\n'

/**
 * Writes a 200 response: a complete body, or events as they arrive. It writes directly to the socket where possible, each event
 * as one HTTP/1.1 chunk in one write: `ServerResponse.write` makes four pieces of it, at a third more CPU per event.
 */
export class ResponseWriter implements EndOfTickTask {
  readonly #raw: ServerResponse
  readonly #onDrain: () => void
  /** Set when the bytes are written directly to the socket. */
  #socket: Socket | undefined
  /** The head, as long as it is not written: it goes out with the first event. */
  #head = ''
  #state: 'idle' | 'begun' | 'complete' = 'idle'
  #waitsForDrain = false
  /** A complete body that goes out at the end of this tick. */
  #body = ''
  #encoding: Encoding = 'utf8'

  /** @param onDrain called when the caller can take more, after an event that filled the buffer. */
  constructor(raw: ServerResponse, onDrain: () => void) {
    this.#raw = raw
    this.#onDrain = onDrain
  }

  /** Whether the status is sent, or about to be. */
  get hasBegun(): boolean {
    return this.#state !== 'idle'
  }

  /** Whether the complete body was given: nothing can be added. */
  get isComplete(): boolean {
    return this.#state === 'complete'
  }

  /** Sends a complete body. */
  sendBody(headers: Headers, json: string): void {
    const byteLength = Buffer.byteLength(json)
    this.#begin({ ...headers, 'content-length': byteLength })
    this.#encoding = encodingOf(json, byteLength)
    this.#body = json
    this.#state = 'complete'
    flushAtEndOfTick(this)
  }

  onEndOfTick(): void {
    const raw = this.#raw
    const socket = this.#socket
    if (socket === undefined) {
      raw.end(this.#body, this.#encoding)
      return
    }
    socket.write(this.#head + this.#body, this.#encoding)
    finishResponse(raw)
  }

  /** Begins a stream; its head goes out together with the first event. */
  beginStream(headers: Headers): void {
    this.#begin(headers, CHUNKED)
  }

  #begin(headers: Headers, ofStream?: Headers): void {
    const raw = this.#raw
    const direct = raw instanceof FastResponse ? raw.takeSocket({ ...headers, ...ofStream }) : undefined
    this.#state = 'begun'
    if (direct === undefined) raw.writeHead(200, headers)
    else ({ head: this.#head, socket: this.#socket } = direct)
  }

  /** Writes an event. Returns false when the caller reads too slowly; `onDrain` is called when it can take more. */
  writeEvent(text: string): boolean {
    const socket = this.#socket
    if (socket === undefined) return this.#whenDrained(this.#raw.write(text), this.#raw)
    return this.#mayWrite(socket) && this.#whenDrained(this.#write(socket, text, ''), socket)
  }

  /** False after the end, and when the client has closed its side: a write would then discard what is still buffered for it. */
  #mayWrite(socket: Socket): boolean {
    return socket.writable && !this.#raw.writableEnded
  }

  #write(socket: Socket, event: string, after: string): boolean {
    const byteLength = Buffer.byteLength(event)
    const text = `${this.#head}${byteLength.toString(16)}\r\n${event}\r\n${after}`
    this.#head = ''
    return socket.write(text, encodingOf(event, byteLength))
  }

  #whenDrained(hasCapacity: boolean, stream: Socket | ServerResponse): boolean {
    if (hasCapacity || this.#waitsForDrain) return hasCapacity
    this.#waitsForDrain = true
    stream.once('drain', () => {
      this.#waitsForDrain = false
      this.#onDrain()
    })
    return false
  }

  /** Writes the last event and the end of the stream in one write. */
  endStream(event: string): void {
    const raw = this.#raw
    const socket = this.#socket
    if (socket === undefined) {
      raw.end(event)
      return
    }
    if (!this.#mayWrite(socket)) return
    this.#write(socket, event, LAST_CHUNK)
    finishResponse(raw)
  }
}

const CHUNKED = { 'Transfer-Encoding': 'chunked' } as const

type Encoding = 'latin1' | 'utf8'

/** ASCII needs no encoding, which takes 0.3 µs of a text of 1 KB. */
function encodingOf(text: string, byteLength: number): Encoding {
  return byteLength === text.length ? 'latin1' : 'utf8'
}

function finishResponse(raw: ServerResponse): void {
  if (raw instanceof FastResponse) raw.finish()
}

/** A task that waits for the end of the tick. */
interface EndOfTickTask {
  onEndOfTick(): void
}

// One queue for all servers of the process, because there is one event loop: it is empty after every tick, and sharing it
// is what makes writes of different servers adjacent.
let queue: EndOfTickTask[] = []

/**
 * Calls a task once this tick of the event loop has read all available input. Writing responses back to back costs less than
 * writing each as soon as it is ready: a sleeping peer is woken for the first of them and finds the others.
 * Measured with 32 callers: 89 instead of 103 µs per request. (Redis also writes its replies just before it sleeps.)
 */
function flushAtEndOfTick(task: EndOfTickTask): void {
  if (queue.push(task) === 1) setImmediate(runEndOfTick)
}

function runEndOfTick(): void {
  const all = queue
  queue = []
  for (const task of all) task.onEndOfTick()
}
