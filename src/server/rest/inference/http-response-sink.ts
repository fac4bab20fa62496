import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../base/clock.ts'
import type { BrokerError } from '../../../base/errors.ts'
import { generationId } from '../../../base/ids.ts'
import type { AnswerSink, BrokenAnswer, CallerWatcher } from '../../../inference/response/response-sink.ts'
import type { DoorReply } from '../../http/node/request-types.ts'
import { renderError } from '../../http/errors/error-response.ts'
import { isPlainAscii } from '../../http/node/fast-response.ts'
import { ReplyWire } from './response-writer.ts'

const DONE = 'data: [DONE]\n\n'
/** OpenRouter's keep-alive comment; SSE clients skip comments. */
const KEEP_ALIVE = ': OPENROUTER PROCESSING\n\n'
/** A stream that is silent for this long gets a comment, so that no proxy in between closes it as dead. */
const SILENCE_MS = 10_000

/** What a route knows of a response before it arrives. */
export interface Expected {
  readonly model: string
  readonly streamed: boolean
  /** The `object` field of its chunks. */
  readonly object: string
}

/** Where the response to a route's request goes. */
export type AskSink = AnswerSink & Pick<AnswerOnReply, 'expect'>

/** Reads the body, prepares the sink, and runs the request. Throws at once when the body is wrong. */
export type Ask = (sink: AskSink) => Promise<void>

/** Writes the response of one request to its caller: chunks become server-sent events, a plain response becomes the body. */
export class AnswerOnReply implements AnswerSink {
  readonly id: string
  readonly #reply: DoorReply
  readonly #raw: ServerResponse
  readonly #clock: Clock
  readonly #wire: ReplyWire
  #tried = ''
  #expected: Expected = { model: '', streamed: false, object: '' }
  #headers: Readonly<Record<string, string>> = {}
  #hasSpoken = false
  #wasSilent = false
  #cancelKeepAlive: () => void = () => undefined
  isGone = false
  watcher: CallerWatcher | undefined

  /** @param id of a response that is replayed; a new one by default. */
  constructor(reply: DoorReply, clock: Clock, id = generationId(clock.now())) {
    this.id = id
    this.#reply = reply
    this.#raw = reply.raw
    this.#clock = clock
    this.#wire = new ReplyWire(reply.raw, () => this.watcher?.callerReady())
    // Also emitted after a complete response; then nothing is listening any more.
    this.#raw.on('close', () => {
      this.isGone = true
      this.#cancelKeepAlive()
      this.watcher?.callerGone()
    })
  }

  /** Call this as soon as the request is parsed. */
  expect(expected: Expected): void {
    this.#expected = expected
  }

  accept(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers
    // After the upstream request was sent, which happens in this tick.
    if (this.#expected.streamed) queueMicrotask(() => this.isGone || this.#watchSilence())
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

  #write(event: string): boolean {
    if (!this.#wire.hasBegun) this.#beginStream()
    return this.#wire.writeEvent(event)
  }

  #beginStream(): void {
    this.#reply.hijack()
    this.#wire.beginStream({
      ...this.#headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-generation-id': this.id,
      // The header that OpenAI’s clients read and expose as `_request_id`.
      'x-request-id': this.id,
      'x-aibroker-tried': this.#tried,
      // Tells nginx and similar proxies to pass events on without buffering.
      'x-accel-buffering': 'no',
    })
  }

  answer(json: string): void {
    this.#reply.hijack()
    const headers = {
      ...this.#headers,
      'content-type': 'application/json; charset=utf-8',
      'x-generation-id': this.id,
      'x-request-id': this.id,
      'x-aibroker-tried': this.#tried,
    }
    this.#wire.answer(headers, json)
  }

  end(): void {
    if (this.#wire.isWhole || this.#raw.writableEnded) return
    if (!this.#wire.hasBegun) this.#beginStream()
    this.#wire.last(DONE)
  }

  fail(error: BrokerError, { model, provider }: BrokenAnswer): void {
    const broken = { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' }
    const chunk = {
      id: this.id,
      object: this.#expected.object,
      created: Math.floor(this.#clock.now() / 1000),
      model,
      provider,
      ...renderError(error).body,
      choices: this.#hasSpoken ? [{ ...broken, native_finish_reason: 'error' }] : [],
    }
    if (!this.#wire.hasBegun) this.#beginStream()
    this.#wire.last(`data: ${JSON.stringify(chunk)}\n\n`)
  }

  /** Reports an error to the caller. Returns false when the status is not sent yet: then the server renders the error. */
  tell(error: BrokerError): boolean {
    // Nothing can be added to a complete response.
    if (this.#wire.isWhole) return true
    if (this.isGone) this.#abandon()
    else if (this.#raw.headersSent)
      this.fail(error, { model: this.#expected.model, provider: error.details.provider })
    else {
      void this.#reply.headers({ ...this.#headers, 'x-generation-id': this.id, 'x-request-id': this.id })
      return false
    }
    return true
  }

  /** Takes the reply over from Fastify when the caller has disconnected. */
  leaveIfGone(): void {
    if (this.isGone) this.#abandon()
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
