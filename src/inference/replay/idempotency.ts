import { BrokerError } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import type { ResponseHead } from '../response/response-formatter.ts'
import type { ResponseSource } from '../response/response-sink.ts'

/** A response as it was sent, to be sent again. Serialized as it is into the table `kept_answers`. */
export interface StoredResponse {
  /** The generation id. */
  readonly id: string
  readonly streamed: boolean
  /** The chunks of a stream, or the one unstreamed response. */
  readonly pieces: readonly string[]
  /** Of a response that is not JSON of ours. */
  readonly head?: ResponseHead | undefined
  /** The pieces are bytes in base64. */
  readonly isBytes?: boolean | undefined
  /** The error that a stream broke off with. */
  readonly broken?: { readonly error: BrokerError; readonly about: ResponseSource } | undefined
}

/** A request with an `Idempotency-Key`. */
export interface IdempotentRequest {
  /** Hash of the caller, the route and the key that the caller chose. */
  readonly key: string
  /** Hash of the body. */
  readonly body: string
}

/** Either the first request with its key, which has to be executed, or a repeat with the first one's response. */
export type Claim = FirstClaim | { readonly type: 'again'; readonly response: Promise<StoredResponse> }

/** The first request must end with exactly one of these calls. */
export interface FirstClaim {
  readonly type: 'first'
  /** Stores the response for repeats. */
  save(response: StoredResponse): Promise<void>
  /** The response was sent, but is too long to be stored: repeats are refused rather than executed again. */
  discard(): void
  /** Nothing was sent and nothing billed: waiting repeats get this error, later ones may try again. */
  release(error: unknown): Promise<void>
}

/** One upstream request for all repeats of a request with the same `Idempotency-Key`. */
export interface IdempotencyStore {
  /**
   * Rejects with `store-full`. The response of a repeat rejects with `key-reused` for another body, and with `answer-unknown`
   * when it is not known how the first request ended.
   */
  claim(request: IdempotentRequest): Promise<Claim>
}

/** A longer response is not stored. */
export const MAX_STORED_CHARACTERS = 8 * 1024 * 1024

export interface IdempotencyOptions {
  readonly store: Store
  readonly clock: Clock
  /** How long responses are kept. */
  readonly keepMs: number
}

/** Keeps responses in the database, so that repeats find them after a restart, too. */
export function createIdempotencyStore(options: IdempotencyOptions): IdempotencyStore {
  return new SqlIdempotencyStore(options)
}

class SqlIdempotencyStore implements IdempotencyStore {
  readonly #store: Store
  readonly #clock: Clock
  readonly #keepMs: number
  readonly #find: Statement
  readonly #begin: Statement
  readonly #finish: Statement
  readonly #forget: Statement
  readonly #expire: Statement
  readonly #running = new Map<string, { readonly body: string; readonly response: Promise<StoredResponse> }>()

  constructor({ store, clock, keepMs }: IdempotencyOptions) {
    this.#store = store
    this.#clock = clock
    this.#keepMs = keepMs
    this.#find = store.prepare('SELECT body, answer FROM kept_answers WHERE key = ? AND started_at_ms > ?')
    this.#begin = store.prepare(
      'INSERT OR REPLACE INTO kept_answers (key, body, started_at_ms) VALUES (?, ?, ?)',
    )
    this.#finish = store.prepare('UPDATE kept_answers SET answer = ? WHERE key = ?')
    this.#forget = store.prepare('DELETE FROM kept_answers WHERE key = ?')
    this.#expire = store.prepare('DELETE FROM kept_answers WHERE started_at_ms <= ?')
  }

  async claim(request: IdempotentRequest): Promise<Claim> {
    const running = this.#running.get(request.key)
    if (running !== undefined)
      return { type: 'again', response: sameBody(request, running.body, running.response) }
    const row = this.#find.get(request.key, this.#clock.now() - this.#keepMs)
    if (row === undefined) return this.#first(request)
    const response =
      row['answer'] === null ? Promise.reject(outcomeUnknown()) : Promise.resolve(row['answer'])
    return {
      type: 'again',
      response: sameBody(
        request,
        row['body'],
        response.then((text) => fromText(String(text))),
      ),
    }
  }

  async #first({ key, body }: IdempotentRequest): Promise<FirstClaim> {
    const { promise, resolve, reject } = Promise.withResolvers<StoredResponse>()
    // Without repeats nothing waits for the promise, and a rejection would count as unhandled.
    promise.catch(() => undefined)
    this.#running.set(key, { body, response: promise })
    try {
      await this.#writeStart(key, body)
    } catch (error) {
      this.#running.delete(key)
      reject(error)
      throw error
    }
    return {
      type: 'first',
      save: async (response) => {
        resolve(response)
        const text = toText(response)
        await this.#end(key, () => this.#finish.run(text, key))
      },
      discard: () => {
        reject(outcomeUnknown())
        this.#running.delete(key)
      },
      release: async (error) => {
        reject(error)
        await this.#end(key, () => this.#forget.run(key))
      },
    }
  }

  async #writeStart(key: string, body: string): Promise<void> {
    const now = this.#clock.now()
    await this.#store.write(() => {
      this.#expire.run(now - this.#keepMs)
      this.#begin.run(key, body, now)
    })
  }

  /** Writes the end of a first request without delay: the caller may have lost the response and come back after a crash. */
  async #end(key: string, job: () => unknown): Promise<void> {
    const written = this.#store.writeWithRetry(job)
    void this.#store.whenDrained()
    await written
    this.#running.delete(key)
  }
}

/** The response, if the repeat has the body of the first request. Rejects with `key-reused` otherwise. */
async function sameBody(
  request: IdempotentRequest,
  body: unknown,
  response: Promise<StoredResponse>,
): Promise<StoredResponse> {
  if (body === request.body) return await response
  await response.catch(() => undefined)
  throw new BrokerError(
    'key-reused',
    'this Idempotency-Key was used before with another body; choose a new key for a new request',
  )
}

function outcomeUnknown(): BrokerError {
  return new BrokerError(
    'answer-unknown',
    'the first request with this Idempotency-Key was interrupted, or its response was too long to keep; it may have been billed, so it is not sent again: choose a new key to send it again',
  )
}

function toText({ broken, ...response }: StoredResponse): string {
  if (broken === undefined) return JSON.stringify(response)
  const { error, about } = broken
  const { code, message, details } = error
  return JSON.stringify({ ...response, broken: { code, message, details, about } })
}

/** Reads what `toText` wrote. */
function fromText(text: string): StoredResponse {
  const { broken, ...response } = JSON.parse(text) as Omit<StoredResponse, 'broken'> & {
    broken?: Pick<BrokerError, 'code' | 'message' | 'details'> & { about: ResponseSource }
  }
  if (broken === undefined) return response
  const { code, message, details, about } = broken
  return { ...response, broken: { error: new BrokerError(code, message, { details }), about } }
}
