import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../base/clock.ts'
import type { BrokerError } from '../../../base/errors.ts'
import { generationId } from '../../../base/ids.ts'
import type { ResponseHead } from '../../../inference/response/response-formatter.ts'
import type {
  ResponseSink,
  ResponseSource,
  CallerWatcher,
} from '../../../inference/response/response-sink.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { HttpReply } from '../../http/node/request-types.ts'
import { isPlainAscii } from '../../http/node/fast-response.ts'
import { BytesWriter } from './writers/bytes-writer.ts'
import type { ApiShape, ResponseEvents } from '../shapes/api-shape.ts'
import { ResponseWriter } from './writers/response-writer.ts'

/** A stream that is silent for this long gets a keep-alive comment, so that no proxy in between closes it as dead. */
const KEEP_ALIVE_MS = 10_000

/** What a route knows of a response before it arrives. */
export interface ExpectedResponse {
  readonly model: string
  readonly stream: boolean
  /** The `object` field of its chunks. */
  readonly object: string
  /** The request as a chat, where it was written in another dialect. */
  readonly request?: JsonBody | undefined
  /** Gets the whole response once it is complete, in the dialects whose responses can be named later. */
  readonly onFinished?: ((response: Readonly<Record<string, unknown>>) => void) | undefined
}

/** Where the response to a route's request goes. */
export type ClientResponseSink = ResponseSink & Pick<HttpResponseSink, 'prepare'>

/** Reads the body, prepares the sink, and runs the request. Throws at once when the body is wrong. */
export type InferenceHandler = (sink: ClientResponseSink) => Promise<void>

/**
 * Writes the response of one request to its caller, in the shape of its route: chunks become server-sent events, a plain
 * response becomes the body.
 */
export class HttpResponseSink implements ResponseSink {
  readonly id: string
  readonly #reply: HttpReply
  readonly #raw: ServerResponse
  readonly #clock: Clock
  readonly #shape: ApiShape
  readonly #writer: ResponseWriter
  #createdEvents: ResponseEvents | undefined
  #attempted = ''
  #expected: ExpectedResponse = { model: '', stream: false, object: '' }
  #headers: Readonly<Record<string, string>> = {}
  /** Of a response that is not JSON of ours. */
  #head: ResponseHead | undefined
  #bytes: BytesWriter | undefined
  #hasSentChunk = false
  #isSilent = false
  #cancelKeepAlive: () => void = () => undefined
  disconnected = false
  watcher: CallerWatcher | undefined

  /** @param id of a response that is replayed; a new one by default. */
  constructor(reply: HttpReply, shape: ApiShape, clock: Clock, id = generationId(clock.now())) {
    this.id = id
    this.#shape = shape
    this.#reply = reply
    this.#raw = reply.raw
    this.#clock = clock
    this.#writer = new ResponseWriter(reply.raw, () => this.watcher?.onDrain())
    // Also emitted after a complete response; then nothing is listening any more.
    this.#raw.on('close', () => {
      this.disconnected = true
      this.#cancelKeepAlive()
      this.watcher?.onDisconnect()
    })
  }

  /** Call this as soon as the request is parsed. */
  prepare(expected: ExpectedResponse): void {
    this.#expected = expected
  }

  start(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers
    // After the upstream request was sent, which happens in this tick.
    if (this.#expected.stream) queueMicrotask(() => this.disconnected || this.#scheduleKeepAlive())
  }

  #scheduleKeepAlive(): void {
    this.#isSilent = true
    this.#cancelKeepAlive = this.#clock.after(KEEP_ALIVE_MS, () => {
      if (this.disconnected || this.#raw.writableEnded) return
      const { keepAlive } = this.#events
      if (this.#isSilent && keepAlive !== '') this.#write(keepAlive)
      this.#scheduleKeepAlive()
    })
  }

  setAttempted(endpoints: readonly string[]): void {
    this.#attempted = asHeader(endpoints.join(', '))
  }

  setHead(head: ResponseHead): void {
    this.#head = head
  }

  bytes(piece: Uint8Array): boolean {
    this.#bytes ??= this.#beginBytes()
    return this.#bytes.write(piece, () => this.watcher?.onDrain())
  }

  #beginBytes(): BytesWriter {
    this.#reply.hijack()
    const { contentType = 'application/octet-stream', headers = {} } = this.#head ?? {}
    return new BytesWriter(this.#raw, { contentType, headers: { ...headers, ...this.#ownHeaders() } })
  }

  #ownHeaders(): Record<string, string> {
    return { ...this.#headers, ...this.#idHeaders(), 'x-aibroker-tried': this.#attempted }
  }

  setLeftOut(names: readonly string[]): void {
    this.#headers = { ...this.#headers, 'x-aibroker-left-out': asHeader(names.join(', ')) }
  }

  get #events(): ResponseEvents {
    return (this.#createdEvents ??= this.#createEvents())
  }

  #createEvents(): ResponseEvents {
    const { model, stream, request, onFinished } = this.#expected
    const created = Math.floor(this.#clock.now() / 1000)
    const { url = '' } = this.#reply.request.raw
    return this.#shape.createEvents({ id: this.id, model, stream, url, created, request, onFinished })
  }

  chunk(json: string): boolean {
    this.#hasSentChunk = true
    this.#isSilent = false
    const events = this.#events.chunk(json)
    return events === '' || this.#write(events)
  }

  #write(event: string): boolean {
    if (!this.#writer.hasBegun) this.#beginStream()
    return this.#writer.writeEvent(event)
  }

  #beginStream(): void {
    this.#reply.hijack()
    this.#writer.beginStream({
      ...this.#headers,
      'content-type': this.#events.streamType ?? 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      ...this.#idHeaders(),
      'x-aibroker-tried': this.#attempted,
      // Tells nginx and similar proxies to pass events on without buffering.
      'x-accel-buffering': 'no',
    })
  }

  /** `x-request-id` is the header that OpenAI’s clients read and expose as `_request_id`. */
  #idHeaders(): Record<string, string> {
    const headers: Record<string, string> = {}
    this.#addIdHeaders(headers)
    return headers
  }

  #addIdHeaders(headers: Record<string, string>): void {
    headers['x-generation-id'] = this.id
    headers['x-request-id'] = this.id
    const { idHeaders } = this.#shape
    if (idHeaders !== undefined) Object.assign(headers, idHeaders(this.id))
  }

  respond(json: string): void {
    this.#reply.hijack()
    if (this.#head !== undefined) {
      const { contentType, headers } = this.#head
      const named = { ...headers, ...this.#ownHeaders(), 'content-type': contentType }
      return this.#writer.sendBody(named, json)
    }
    const body = this.#events.body(json)
    // Assigned one by one: a second spread in an object literal takes 0.3 µs.
    const headers: Record<string, string> = { ...this.#headers }
    headers['content-type'] = 'application/json; charset=utf-8'
    this.#addIdHeaders(headers)
    headers['x-aibroker-tried'] = this.#attempted
    this.#writer.sendBody(headers, body)
  }

  end(): void {
    if (this.#bytes !== undefined) return this.#bytes.end()
    if (this.#writer.isComplete || this.#raw.writableEnded) return
    if (!this.#writer.hasBegun) this.#beginStream()
    this.#writer.endStream(this.#events.end())
  }

  fail(error: BrokerError, { model, provider }: ResponseSource): void {
    if (this.#bytes !== undefined) return this.#bytes.fail(error)
    const broken = {
      id: this.id,
      object: this.#expected.object,
      created: Math.floor(this.#clock.now() / 1000),
      model,
      provider,
      hasSentChunk: this.#hasSentChunk,
    }
    if (!this.#writer.hasBegun) this.#beginStream()
    this.#writer.endStream(this.#events.fail(error, broken))
  }

  /** Reports an error to the caller. Returns false when the status is not sent yet: then the server renders the error. */
  reportError(error: BrokerError): boolean {
    // Nothing can be added to a complete response.
    if (this.#writer.isComplete) return true
    if (this.disconnected) this.#abandon()
    else if (this.#raw.headersSent)
      this.fail(error, { model: this.#expected.model, provider: error.details.provider })
    else {
      void this.#reply.headers({ ...this.#headers, ...this.#idHeaders() })
      return false
    }
    return true
  }

  /** Takes the reply over from Fastify when the caller has disconnected. */
  abandonIfDisconnected(): void {
    if (this.disconnected) this.#abandon()
  }

  #abandon(): void {
    if (this.#reply.sent) return
    this.#reply.hijack()
    this.#raw.destroy()
  }
}

/** Model names come from providers, but only ASCII is safe in a head: other characters are percent-encoded. */
function asHeader(text: string): string {
  return isPlainAscii(text) ? text : text.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent)
}
