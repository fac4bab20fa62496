import { createHash } from 'node:crypto'
import type { BrokerError } from '../../../base/errors.ts'
import { MOST_CACHED_CHARACTERS, type AnswerCache } from '../../../inference/replay/response-cache.ts'
import type { AnswerSink, BrokenAnswer, CallerWatcher } from '../../../inference/response/response-sink.ts'
import { tellCached } from '../../../inference/cached-response.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { parseJsonBody } from '../../../wire/json/json-body.ts'
import { bytesOf, type DoorReply, type DoorRequest } from '../../http/node/request-types.ts'
import { findCaller } from '../../http/authenticate.ts'
import type { Expected } from './http-response-sink.ts'
import type { Ask, AskSink } from './client-response-sink.ts'
import { askerOf } from './request-context.ts'

/** OpenRouter's response cache: seconds that an answer is kept for, by its header or without. */
const USUAL_TTL_S = 300
const LONGEST_TTL_S = 86_400

/** Which of our doors' routes asks for what. */
const KINDS: Readonly<Record<string, string>> = { '/embeddings': 'embedding' }

/**
 * The same question with an answer out of the cache where there is one, and kept where there is none. `undefined` when the
 * caller didn't ask for it with `X-OpenRouter-Cache: true`.
 */
export function outOfCache(reply: DoorReply, rooms: Rooms, ask: Ask): Ask | undefined {
  const { request } = reply
  const { answers } = rooms
  const wish = request.headers['x-openrouter-cache']
  if (answers === undefined || typeof wish !== 'string' || wish.toLowerCase() !== 'true') return undefined
  return async (sink) => {
    const key = keyOf(request)
    if (isTrue(request.headers['x-openrouter-cache-clear'])) answers.drop(key)
    const found = answers.find(key)
    const ttlS = ttlOf(request.headers['x-openrouter-cache-ttl'])
    const now = rooms.clock.monotonic()
    tellHeaders(reply, { status: found === undefined ? 'MISS' : 'HIT', ttl: ttlS, found, now })
    if (found === undefined) return ask(new CachingSink({ sink, answers, key, ttlS, rooms }))
    const { model, streamed } = found
    sink.expect({ model, streamed, object: 'chat.completion.chunk' })
    return tellCached(found, KINDS[routeOf(request)] ?? 'chat', askerOf(request, rooms), sink, rooms)
  }
}

function routeOf({ routeOptions }: DoorRequest): string {
  return (routeOptions.url ?? '').replace(/^(\/api)?\/v1/, '')
}

/** The caller, the route and what was said, whatever the space between it; the order of its fields counts. */
function keyOf(request: DoorRequest): string {
  const { ip, context, token } = findCaller(request)
  const said = JSON.stringify(parseJsonBody(bytesOf(request)).value)
  return createHash('sha256')
    .update(JSON.stringify([ip, context, token, routeOf(request), said]))
    .digest('base64')
}

/** Leading digits count, whatever follows them. */
function ttlOf(said: string | string[] | undefined): number {
  const seconds = Number.parseInt(String(said ?? ''), 10)
  return Number.isNaN(seconds) ? USUAL_TTL_S : Math.min(Math.max(seconds, 1), LONGEST_TTL_S)
}

function isTrue(said: string | string[] | undefined): boolean {
  return typeof said === 'string' && said.toLowerCase() === 'true'
}

function tellHeaders(
  { raw }: DoorReply,
  {
    status,
    ttl,
    found,
    now,
  }: { status: string; ttl: number; found: ReturnType<AnswerCache['find']>; now: number },
): void {
  raw.setHeader('x-openrouter-cache-status', status)
  const left = found === undefined ? ttl : Math.ceil((found.expiresAt - now) / 1000)
  raw.setHeader('x-openrouter-cache-ttl', String(left))
  if (found === undefined) return
  raw.setHeader('x-openrouter-cache-age', String(Math.floor((now - found.storedAt) / 1000)))
  raw.setHeader('x-openrouter-cache-source-id', found.id)
}

interface CachingParts {
  readonly sink: AskSink
  readonly answers: AnswerCache
  readonly key: string
  readonly ttlS: number
  readonly rooms: Rooms
}

/** Tells an answer and keeps it, once it is whole. */
class CachingSink implements AnswerSink {
  readonly #parts: CachingParts
  readonly #pieces: string[] = []
  #model = ''
  #streamed = false
  #characters = 0

  constructor(parts: CachingParts) {
    this.#parts = parts
  }

  get id(): string {
    return this.#parts.sink.id
  }

  get isGone(): boolean {
    return this.#parts.sink.isGone
  }

  get watcher(): CallerWatcher | undefined {
    return this.#parts.sink.watcher
  }

  set watcher(watcher: CallerWatcher | undefined) {
    this.#parts.sink.watcher = watcher
  }

  expect(expected: Expected): void {
    this.#model = expected.model
    this.#streamed = expected.streamed
    this.#parts.sink.expect(expected)
  }

  accept(headers: Readonly<Record<string, string>>): void {
    this.#parts.sink.accept(headers)
  }

  tried(endpoints: readonly string[]): void {
    this.#parts.sink.tried?.(endpoints)
  }

  chunk(json: string): boolean {
    this.#note(json)
    return this.#parts.sink.chunk(json)
  }

  #note(json: string): void {
    this.#characters += json.length
    if (this.#characters <= MOST_CACHED_CHARACTERS) this.#pieces.push(json)
  }

  answer(json: string): void {
    this.#note(json)
    this.#parts.sink.answer(json)
  }

  end(): void {
    const { answers, key, ttlS, rooms, sink } = this.#parts
    const storedAt = rooms.clock.monotonic()
    if (this.#characters <= MOST_CACHED_CHARACTERS)
      answers.keep(key, {
        id: sink.id,
        model: this.#model,
        streamed: this.#streamed,
        pieces: this.#pieces,
        storedAt,
        expiresAt: storedAt + ttlS * 1000,
      })
    sink.end()
  }

  fail(error: BrokerError, about: BrokenAnswer): void {
    this.#parts.sink.fail(error, about)
  }
}
