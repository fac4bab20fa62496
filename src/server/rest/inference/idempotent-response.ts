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

/** The request as `Repeats` knows it; `undefined` when the caller didn't say that it may come again. */
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

/** Tells a kept answer as it was told before. */
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
 * Tells an answer and writes it down. A caller who leaves is no reason to stop: who sends an `Idempotency-Key` comes
 * back for the answer.
 */
export class KeepingSink extends ForwardingSink {
  readonly #sink: AnswerOnReply
  readonly #pieces: string[] = []
  #characters = 0
  readonly #turn: FirstTurn
  #answer: KeptAnswer | undefined
  /** Under way as soon as all is told: who comes back after a crash gets what was heard before it. */
  #kept: Promise<void> | undefined
  #watcher: CallerWatcher | undefined

  constructor(sink: AnswerOnReply, turn: FirstTurn) {
    super(sink)
    this.#sink = sink
    this.#turn = turn
    // The answer is kept for a repeat: nothing is broken off when its caller leaves.
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

  /** Says what became of it; an error that came before anything was told lets the next repeat try again. */
  async settle(error?: unknown): Promise<void> {
    if (this.#answer === undefined) await this.#turn.drop(error)
    else await this.#write(this.#answer)
  }

  #write(answer: KeptAnswer): Promise<void> {
    if (this.#kept !== undefined) return this.#kept
    if (this.#characters > MOST_CHARACTERS) {
      this.#turn.lose()
      this.#kept = Promise.resolve()
    } else this.#kept = this.#turn.keep(answer)
    // Whoever settles hears of it.
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
