import { createHash } from 'node:crypto'
import type { Clock } from '../../../base/clock.ts'
import { callerKey } from '../../../auth/caller.ts'
import { MAX_CACHED_CHARACTERS, type ResponseCache } from '../../../inference/replay/response-cache.ts'
import { ForwardingSink } from '../../../inference/response/forwarding-sink.ts'
import { sendCached } from '../../../inference/cached-response.ts'
import { parseJsonBody } from '../../../wire/json/json-body.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../http/node/request-types.ts'
import { authenticate } from '../../http/authenticate.ts'
import type { InferenceHandler, ClientResponseSink, ExpectedResponse } from './http-response-sink.ts'
import { requestContextOf } from './request-context.ts'
import type { InferenceRouteParts } from './route-parts.ts'
import { inferencePathOf, requestedModels } from './requested-models.ts'

/** Lifetimes of OpenRouter's response cache, in seconds: without its TTL header, and at most. */
const DEFAULT_TTL_S = 300
const MAX_TTL_S = 86_400

/**
 * Wraps an inference handler so that it responds from the cache on a hit and fills the cache on a miss. `undefined` unless the
 * caller sent `X-OpenRouter-Cache: true`.
 */
export function withResponseCache(
  reply: HttpReply,
  { services, replay, shape }: Pick<InferenceRouteParts, 'services' | 'replay' | 'shape'>,
  infer: InferenceHandler,
): InferenceHandler | undefined {
  if (replay?.responseCache === undefined) return undefined
  const { request } = reply
  const { responseCache: cache } = replay
  const cacheHeader = request.headers['x-openrouter-cache']
  if (typeof cacheHeader !== 'string' || cacheHeader.toLowerCase() !== 'true') return undefined
  return async (sink) => {
    const key = keyOf(request)
    if (isTrue(request.headers['x-openrouter-cache-clear'])) cache.remove(key)
    const found = cache.find(key)
    const ttlS = ttlOf(request.headers['x-openrouter-cache-ttl'])
    const now = services.clock.monotonic()
    setCacheHeaders(reply, { status: found === undefined ? 'MISS' : 'HIT', ttl: ttlS, found, now })
    if (found === undefined) return infer(new CachingSink({ sink, cache, key, ttlS, clock: services.clock }))
    const { model, streamed } = found
    sink.prepare({ model, stream: streamed, object: 'chat.completion.chunk' })
    const query = requestedModels(request, parseJsonBody(bytesOf(request)), shape)
    return sendCached(found, query, requestContextOf(request, services, shape), sink, services, replay)
  }
}

/** The cache key: caller, route and body. White space in the body does not count, the order of its fields does. */
function keyOf(request: HttpRequest): string {
  const body = JSON.stringify(parseJsonBody(bytesOf(request)).value)
  return createHash('sha256')
    .update(JSON.stringify([callerKey(authenticate(request)), inferencePathOf(request), body]))
    .digest('base64')
}

/** Reads the leading digits and ignores what follows them. */
function ttlOf(header: string | string[] | undefined): number {
  const seconds = Number.parseInt(String(header ?? ''), 10)
  return Number.isNaN(seconds) ? DEFAULT_TTL_S : Math.min(Math.max(seconds, 1), MAX_TTL_S)
}

function isTrue(header: string | string[] | undefined): boolean {
  return typeof header === 'string' && header.toLowerCase() === 'true'
}

function setCacheHeaders(
  { raw }: HttpReply,
  {
    status,
    ttl,
    found,
    now,
  }: { status: string; ttl: number; found: ReturnType<ResponseCache['find']>; now: number },
): void {
  raw.setHeader('x-openrouter-cache-status', status)
  const left = found === undefined ? ttl : Math.ceil((found.expiresAt - now) / 1000)
  raw.setHeader('x-openrouter-cache-ttl', String(left))
  if (found === undefined) return
  raw.setHeader('x-openrouter-cache-age', String(Math.floor((now - found.storedAt) / 1000)))
  raw.setHeader('x-openrouter-cache-source-id', found.id)
}

interface CachingParts {
  readonly sink: ClientResponseSink
  readonly cache: ResponseCache
  readonly key: string
  readonly ttlS: number
  readonly clock: Clock
}

/** Passes a response on, and keeps it in the cache once it is complete. */
class CachingSink extends ForwardingSink {
  readonly #parts: CachingParts
  readonly #pieces: string[] = []
  #model = ''
  #stream = false
  #characters = 0

  constructor(parts: CachingParts) {
    super(parts.sink)
    this.#parts = parts
  }

  prepare(expected: ExpectedResponse): void {
    this.#model = expected.model
    this.#stream = expected.stream
    this.#parts.sink.prepare(expected)
  }

  override chunk(json: string): boolean {
    this.#record(json)
    return super.chunk(json)
  }

  #record(json: string): void {
    this.#characters += json.length
    if (this.#characters <= MAX_CACHED_CHARACTERS) this.#pieces.push(json)
  }

  override respond(json: string): void {
    this.#record(json)
    super.respond(json)
  }

  override end(): void {
    const { cache, key, ttlS, clock } = this.#parts
    const storedAt = clock.monotonic()
    if (this.#characters <= MAX_CACHED_CHARACTERS)
      cache.store(key, {
        id: this.id,
        model: this.#model,
        streamed: this.#stream,
        pieces: this.#pieces,
        storedAt,
        expiresAt: storedAt + ttlS * 1000,
      })
    super.end()
  }
}
