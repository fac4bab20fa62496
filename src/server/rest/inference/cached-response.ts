import { createHash } from 'node:crypto'
import { MOST_CACHED_CHARACTERS, type AnswerCache } from '../../../inference/replay/response-cache.ts'
import { ForwardingSink } from '../../../inference/response/forwarding-sink.ts'
import { tellCached } from '../../../inference/cached-response.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { parseJsonBody } from '../../../wire/json/json-body.ts'
import { bytesOf, type DoorReply, type DoorRequest } from '../../http/node/request-types.ts'
import { findCaller } from '../../http/authenticate.ts'
import type { Ask, AskSink, Expected } from './http-response-sink.ts'
import { askerOf } from './request-context.ts'

/** Lifetimes of OpenRouter's response cache, in seconds: without its TTL header, and at most. */
const USUAL_TTL_S = 300
const LONGEST_TTL_S = 86_400

/** The kind of request of a route; all others are chats. */
const KINDS: Readonly<Record<string, string>> = { '/embeddings': 'embedding' }

/**
 * Wraps an inference handler so that it responds from the cache on a hit and fills the cache on a miss. `undefined` unless the
 * caller sent `X-OpenRouter-Cache: true`.
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

/** The cache key: caller, route and body. White space in the body does not count, the order of its fields does. */
function keyOf(request: DoorRequest): string {
  const { ip, context, token } = findCaller(request)
  const said = JSON.stringify(parseJsonBody(bytesOf(request)).value)
  return createHash('sha256')
    .update(JSON.stringify([ip, context, token, routeOf(request), said]))
    .digest('base64')
}

/** Reads the leading digits and ignores what follows them. */
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

/** Passes a response on, and keeps it in the cache once it is complete. */
class CachingSink extends ForwardingSink {
  readonly #parts: CachingParts
  readonly #pieces: string[] = []
  #model = ''
  #streamed = false
  #characters = 0

  constructor(parts: CachingParts) {
    super(parts.sink)
    this.#parts = parts
  }

  expect(expected: Expected): void {
    this.#model = expected.model
    this.#streamed = expected.streamed
    this.#parts.sink.expect(expected)
  }

  override chunk(json: string): boolean {
    this.#note(json)
    return super.chunk(json)
  }

  #note(json: string): void {
    this.#characters += json.length
    if (this.#characters <= MOST_CACHED_CHARACTERS) this.#pieces.push(json)
  }

  override answer(json: string): void {
    this.#note(json)
    super.answer(json)
  }

  override end(): void {
    const { answers, key, ttlS, rooms } = this.#parts
    const storedAt = rooms.clock.monotonic()
    if (this.#characters <= MOST_CACHED_CHARACTERS)
      answers.keep(key, {
        id: this.id,
        model: this.#model,
        streamed: this.#streamed,
        pieces: this.#pieces,
        storedAt,
        expiresAt: storedAt + ttlS * 1000,
      })
    super.end()
  }
}
