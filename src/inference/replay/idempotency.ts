import { BrokerError } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { Statement } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import type { BrokenAnswer } from '../response/response-sink.ts'

/** A response as it was sent, to be sent again. Serialized as it is into the table `kept_answers`. */
export interface KeptAnswer {
  /** The generation id. */
  readonly id: string
  readonly streamed: boolean
  /** The chunks of a stream, or the one unstreamed response. */
  readonly pieces: readonly string[]
  /** The error that a stream broke off with. */
  readonly broken?: { readonly error: BrokerError; readonly about: BrokenAnswer } | undefined
}

/** A request with an `Idempotency-Key`. */
export interface Repeatable {
  /** Hash of the caller, the route and the key that the caller chose. */
  readonly key: string
  /** Hash of the body. */
  readonly body: string
}

/** Either the first request with its key, which has to be executed, or a repeat with the first one's response. */
export type Turn = FirstTurn | { readonly type: 'again'; readonly answer: Promise<KeptAnswer> }

/** The first request must end with exactly one of these calls. */
export interface FirstTurn {
  readonly type: 'first'
  /** Stores the response for repeats. */
  keep(answer: KeptAnswer): Promise<void>
  /** The response was sent, but is too long to be stored: repeats are refused rather than executed again. */
  lose(): void
  /** Nothing was sent and nothing billed: waiting repeats get this error, later ones may try again. */
  drop(error: unknown): Promise<void>
}

/** One upstream request for all repeats of a request with the same `Idempotency-Key`. */
export interface Repeats {
  /**
   * Rejects with `store-full`. The response of a repeat rejects with `key-reused` for another body, and with `answer-unknown`
   * when it is not known how the first request ended.
   */
  enter(request: Repeatable): Promise<Turn>
}

/** A longer response is not stored. */
export const MOST_CHARACTERS = 8 * 1024 * 1024

export interface RepeatsOptions {
  readonly store: Store
  readonly clock: Clock
  /** How long responses are kept. */
  readonly keepMs: number
}

/** Keeps responses in the database, so that repeats find them after a restart, too. */
export function createRepeats(options: RepeatsOptions): Repeats {
  return new StoredRepeats(options)
}

class StoredRepeats implements Repeats {
  readonly #store: Store
  readonly #clock: Clock
  readonly #keepMs: number
  readonly #find: Statement
  readonly #begin: Statement
  readonly #finish: Statement
  readonly #forget: Statement
  readonly #expire: Statement
  readonly #running = new Map<string, { readonly body: string; readonly answer: Promise<KeptAnswer> }>()

  constructor({ store, clock, keepMs }: RepeatsOptions) {
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

  async enter(request: Repeatable): Promise<Turn> {
    const running = this.#running.get(request.key)
    if (running !== undefined)
      return { type: 'again', answer: sameBody(request, running.body, running.answer) }
    const row = this.#find.get(request.key, this.#clock.now() - this.#keepMs)
    if (row === undefined) return this.#first(request)
    const answer = row['answer'] === null ? Promise.reject(unknownEnd()) : Promise.resolve(row['answer'])
    return {
      type: 'again',
      answer: sameBody(
        request,
        row['body'],
        answer.then((text) => fromText(String(text))),
      ),
    }
  }

  async #first({ key, body }: Repeatable): Promise<FirstTurn> {
    const { promise, resolve, reject } = Promise.withResolvers<KeptAnswer>()
    // Without repeats nothing waits for the promise, and a rejection would count as unhandled.
    promise.catch(() => undefined)
    this.#running.set(key, { body, answer: promise })
    try {
      await this.#writeStart(key, body)
    } catch (error) {
      this.#running.delete(key)
      reject(error)
      throw error
    }
    return {
      type: 'first',
      keep: async (answer) => {
        resolve(answer)
        const text = toText(answer)
        await this.#end(key, () => this.#finish.run(text, key))
      },
      lose: () => {
        reject(unknownEnd())
        this.#running.delete(key)
      },
      drop: async (error) => {
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
    const written = this.#store.writeEventually(job)
    void this.#store.caughtUp()
    await written
    this.#running.delete(key)
  }
}

/** The response, if the repeat has the body of the first request. Rejects with `key-reused` otherwise. */
async function sameBody(
  request: Repeatable,
  body: unknown,
  answer: Promise<KeptAnswer>,
): Promise<KeptAnswer> {
  if (body === request.body) return await answer
  await answer.catch(() => undefined)
  throw new BrokerError(
    'key-reused',
    'this Idempotency-Key was used before with another body; choose a new key for a new request',
  )
}

function unknownEnd(): BrokerError {
  return new BrokerError(
    'answer-unknown',
    'the first request with this Idempotency-Key was interrupted, or its response was too long to keep; it may have been billed, so it is not sent again: choose a new key to send it again',
  )
}

function toText({ broken, ...answer }: KeptAnswer): string {
  if (broken === undefined) return JSON.stringify(answer)
  const { error, about } = broken
  const { code, message, details } = error
  return JSON.stringify({ ...answer, broken: { code, message, details, about } })
}

/** Reads what `toText` wrote. */
function fromText(text: string): KeptAnswer {
  const { broken, ...answer } = JSON.parse(text) as Omit<KeptAnswer, 'broken'> & {
    broken?: Pick<BrokerError, 'code' | 'message' | 'details'> & { about: BrokenAnswer }
  }
  if (broken === undefined) return answer
  const { code, message, details, about } = broken
  return { ...answer, broken: { error: new BrokerError(code, message, { details }), about } }
}
