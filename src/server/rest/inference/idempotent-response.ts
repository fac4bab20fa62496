import { createHash } from 'node:crypto'
import type { BrokerError } from '../../../base/errors.ts'
import { ForwardingSink } from '../../../inference/response/forwarding-sink.ts'
import type { BrokenAnswer, CallerWatcher } from '../../../inference/response/response-sink.ts'
import {
  MOST_CHARACTERS,
  type FirstTurn,
  type KeptAnswer,
  type Repeatable,
} from '../../../inference/replay/idempotency.ts'
import { bytesOf, type DoorReply, type DoorRequest } from '../../http/node/request-types.ts'
import { findCaller } from '../../http/authenticate.ts'
import type { AnswerOnReply, Expected } from './http-response-sink.ts'

/** The request as the idempotency store knows it; `undefined` without an `Idempotency-Key`. */
export function repeatableOf(request: DoorRequest): Repeatable | undefined {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string' || key === '') return undefined
  const { ip, context } = findCaller(request)
  const route = request.routeOptions.url?.replace(/^(\/api)?\/v1/, '')
  return { key: hash(JSON.stringify([ip, context, route, key])), body: hash(bytesOf(request)) }
}

function hash(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** Replays a recorded response as it was sent before. */
export function tellAgain(reply: DoorReply, sink: AnswerOnReply, answer: KeptAnswer): void {
  reply.raw.setHeader('idempotent-replayed', 'true')
  const { pieces, streamed, broken } = answer
  const [whole = '{}'] = pieces
  if (!streamed) return sink.answer(whole)
  sink.expect({ model: broken?.about.model ?? '', streamed, object: 'chat.completion.chunk' })
  for (const piece of pieces) sink.chunk(piece)
  return broken === undefined ? sink.end() : sink.fail(broken.error, broken.about)
}

/**
 * Passes a response on and records it. It continues when the caller disconnects: a caller that sends an `Idempotency-Key` is
 * expected to come back for the response.
 */
export class KeepingSink extends ForwardingSink {
  readonly #sink: AnswerOnReply
  readonly #pieces: string[] = []
  #characters = 0
  readonly #turn: FirstTurn
  #answer: KeptAnswer | undefined
  /** Begins as soon as the response is complete, so that a repeat after a crash gets it. */
  #kept: Promise<void> | undefined
  #watcher: CallerWatcher | undefined

  constructor(sink: AnswerOnReply, turn: FirstTurn) {
    super(sink)
    this.#sink = sink
    this.#turn = turn
    // A disconnect counts as a drain: writes to the socket are skipped from then on, and the request is not aborted.
    const goOn = (): void => this.#watcher?.callerReady()
    sink.watcher = { callerReady: goOn, callerGone: goOn }
  }

  override get isGone(): boolean {
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
    if (this.#answer === undefined) await this.#turn.drop(error)
    else await this.#write(this.#answer)
  }

  #write(response: KeptAnswer): Promise<void> {
    if (this.#kept !== undefined) return this.#kept
    if (this.#characters > MOST_CHARACTERS) {
      this.#turn.lose()
      this.#kept = Promise.resolve()
    } else this.#kept = this.#turn.keep(response)
    // `settle` returns this promise and reports the failure.
    this.#kept.catch(() => undefined)
    return this.#kept
  }

  expect(expected: Expected): void {
    this.#sink.expect(expected)
  }

  override chunk(json: string): boolean {
    this.#keep(json)
    return this.target.isGone || super.chunk(json)
  }

  #keep(json: string): void {
    this.#characters += json.length
    if (this.#characters > MOST_CHARACTERS) this.#pieces.length = 0
    else this.#pieces.push(json)
  }

  override answer(json: string): void {
    this.#keep(json)
    this.#answer = { id: this.id, streamed: false, pieces: this.#pieces }
    if (!this.target.isGone) super.answer(json)
  }

  override end(): void {
    this.#answer ??= { id: this.id, streamed: true, pieces: this.#pieces }
    void this.#write(this.#answer)
    if (!this.target.isGone) super.end()
  }

  override fail(error: BrokerError, about: BrokenAnswer): void {
    this.#answer = { id: this.id, streamed: true, pieces: this.#pieces, broken: { error, about } }
    void this.#write(this.#answer)
    if (!this.target.isGone) super.fail(error, about)
  }
}
