import { createHash } from 'node:crypto'
import type { BrokerError } from '../../../base/errors.ts'
import { callerKey } from '../../../auth/caller.ts'
import { ForwardingSink } from '../../../inference/response/forwarding-sink.ts'
import type { ResponseHead } from '../../../inference/response/response-formatter.ts'
import { createReshaper } from '../../../inference/response/formats/verbatim-response.ts'
import type { ResponseSource, CallerWatcher } from '../../../inference/response/response-sink.ts'
import {
  MAX_STORED_CHARACTERS,
  type FirstClaim,
  type StoredResponse,
  type IdempotentRequest,
} from '../../../inference/replay/idempotency.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../http/node/request-types.ts'
import { authenticate } from '../../http/authenticate.ts'
import type { ApiShape } from '../shapes/api-shape.ts'
import { inferencePathOf } from './requested-models.ts'
import type { HttpResponseSink, ExpectedResponse } from './http-response-sink.ts'

/**
 * The request as the idempotency store knows it; `undefined` without an `Idempotency-Key`.
 *
 * @param body of a form, whatever its boundaries are.
 */
export function idempotentRequestOf(
  request: HttpRequest,
  body: () => Uint8Array | string = () => bytesOf(request),
): IdempotentRequest | undefined {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string' || key === '') return undefined
  const owner = [callerKey(authenticate(request)), inferencePathOf(request), key]
  return { key: hash(JSON.stringify(owner)), body: hash(body()) }
}

function hash(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** Replays a recorded response as it was sent before, in the shape of the route that is asked now. */
export function replayResponse(
  reply: HttpReply,
  sink: HttpResponseSink,
  { responses }: ApiShape,
  recorded: StoredResponse,
): void {
  reply.raw.setHeader('idempotent-replayed', 'true')
  const { pieces, streamed, broken, head } = recorded
  if (head !== undefined) sink.setHead(head)
  if (recorded.isBytes === true) return replayBytes(sink, recorded)
  const [body = '{}'] = pieces
  // A head belongs to a response that is not JSON of ours and looks the same everywhere.
  const reshape = head === undefined ? createReshaper(responses, streamed) : (text: string): string => text
  if (!streamed) return sink.respond(reshape(body))
  sink.prepare({ model: broken?.about.model ?? '', stream: streamed, object: 'chat.completion.chunk' })
  for (const piece of pieces) sink.chunk(reshape(piece))
  return broken === undefined ? sink.end() : sink.fail(broken.error, broken.about)
}

function replayBytes(sink: HttpResponseSink, { pieces, broken }: StoredResponse): void {
  for (const piece of pieces) sink.bytes(Buffer.from(piece, 'base64'))
  return broken === undefined ? sink.end() : sink.fail(broken.error, broken.about)
}

/**
 * Passes a response on and records it. It continues when the caller disconnects: a caller that sends an `Idempotency-Key` is
 * expected to come back for the response.
 */
export class RecordingSink extends ForwardingSink {
  readonly #sink: HttpResponseSink
  readonly #pieces: string[] = []
  #characters = 0
  readonly #turn: FirstClaim
  #response: StoredResponse | undefined
  #head: ResponseHead | undefined
  #isBytes = false
  /** Begins as soon as the response is complete, so that a repeat after a crash gets it. */
  #stored: Promise<void> | undefined
  #watcher: CallerWatcher | undefined

  constructor(sink: HttpResponseSink, turn: FirstClaim) {
    super(sink)
    this.#sink = sink
    this.#turn = turn
    // A disconnect counts as a drain: writes to the socket are skipped from then on, and the request is not aborted.
    const goOn = (): void => this.#watcher?.onDrain()
    sink.watcher = { onDrain: goOn, onDisconnect: goOn }
  }

  override get disconnected(): boolean {
    return false
  }

  override get watcher(): CallerWatcher | undefined {
    return this.#watcher
  }

  override set watcher(watcher: CallerWatcher | undefined) {
    this.#watcher = watcher
  }

  /** Stores the outcome. After an error before the first byte of the response the next repeat runs the request again. */
  async settle(error?: unknown): Promise<void> {
    if (this.#response === undefined) await this.#turn.release(error)
    else await this.#store(this.#response)
  }

  #store(response: StoredResponse): Promise<void> {
    if (this.#stored !== undefined) return this.#stored
    if (this.#characters > MAX_STORED_CHARACTERS) {
      this.#turn.discard()
      this.#stored = Promise.resolve()
    } else this.#stored = this.#turn.save(response)
    // `settle` returns this promise and reports the failure.
    this.#stored.catch(() => undefined)
    return this.#stored
  }

  prepare(expected: ExpectedResponse): void {
    this.#sink.prepare(expected)
  }

  override setHead(head: ResponseHead): void {
    this.#head = head
    super.setHead(head)
  }

  override bytes(piece: Uint8Array): boolean {
    this.#isBytes = true
    this.#record(Buffer.from(piece).toString('base64'))
    return this.target.disconnected || super.bytes(piece)
  }

  override chunk(json: string): boolean {
    this.#record(json)
    return this.target.disconnected || super.chunk(json)
  }

  #record(json: string): void {
    this.#characters += json.length
    if (this.#characters > MAX_STORED_CHARACTERS) this.#pieces.length = 0
    else this.#pieces.push(json)
  }

  #recorded(): StoredResponse {
    const head = this.#head === undefined ? {} : { head: this.#head }
    const bytes = this.#isBytes ? { isBytes: true } : {}
    return { id: this.id, streamed: true, pieces: this.#pieces, ...head, ...bytes }
  }

  override respond(json: string): void {
    this.#record(json)
    this.#response = { ...this.#recorded(), streamed: false }
    if (!this.target.disconnected) super.respond(json)
  }

  override end(): void {
    this.#response ??= this.#recorded()
    void this.#store(this.#response)
    if (!this.target.disconnected) super.end()
  }

  override fail(error: BrokerError, about: ResponseSource): void {
    this.#response = { ...this.#recorded(), broken: { error, about } }
    void this.#store(this.#response)
    if (!this.target.disconnected) super.fail(error, about)
  }
}
