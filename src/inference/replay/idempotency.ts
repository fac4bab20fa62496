import { BrokerError } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { Store } from '../../store/store.ts'
import type { BrokenAnswer } from '../response/response-sink.ts'

/** An answer as it was told, to be told again. */
export interface KeptAnswer {
  /** Its generation id. */
  readonly id: string
  readonly streamed: boolean
  /** The chunks of a stream, or the one plain answer. */
  readonly pieces: readonly string[]
  /** How a stream broke off that did. */
  readonly broken?: { readonly error: BrokerError; readonly about: BrokenAnswer } | undefined
}

/** A request that says it may come more than once. */
export interface Repeatable {
  /** Hash of the caller, the route and the key that the caller chose. */
  readonly key: string
  /** Hash of the body. */
  readonly body: string
}

/** The first of its kind, which is to be answered, or a later one with the first one's answer. */
export type Turn = FirstTurn | { readonly type: 'again'; readonly answer: Promise<KeptAnswer> }

/** One of these must follow. */
export interface FirstTurn {
  readonly type: 'first'
  keep(answer: KeptAnswer): Promise<void>
  /** It was told, but is too long to be kept: repeats are refused rather than asked anew. */
  lose(): void
  /** Nothing was told and nothing billed: repeats that wait get this error, later ones may try again. */
  drop(error: unknown): Promise<void>
}

/** One upstream call for all repeats of a request. */
export interface Repeats {
  /** Throws `key-reused` for another body, `answer-unknown` when the first one's end was never known, `store-full`. */
  enter(request: Repeatable): Promise<Turn>
}

/** A longer answer isn't kept. */
export const MOST_CHARACTERS = 8 * 1024 * 1024

export function createRepeats({
  store,
  clock,
  keepMs,
}: {
  readonly store: Store
  readonly clock: Clock
  /** How long answers are kept. */
  readonly keepMs: number
}): Repeats {
  const find = store.prepare('SELECT body, answer FROM kept_answers WHERE key = ? AND started_at_ms > ?')
  const begin = store.prepare(
    'INSERT OR REPLACE INTO kept_answers (key, body, started_at_ms) VALUES (?, ?, ?)',
  )
  const finish = store.prepare('UPDATE kept_answers SET answer = ? WHERE key = ?')
  const forget = store.prepare('DELETE FROM kept_answers WHERE key = ?')
  const expire = store.prepare('DELETE FROM kept_answers WHERE started_at_ms <= ?')
  const running = new Map<string, { readonly body: string; readonly answer: Promise<KeptAnswer> }>()

  /** A caller whose answer got lost comes back for it: a broker that was killed meanwhile had better know it. */
  function writeSoon(job: () => unknown): Promise<unknown> {
    const written = store.writeEventually(job)
    void store.caughtUp()
    return written
  }

  async function first({ key, body }: Repeatable): Promise<Turn> {
    const { promise, resolve, reject } = Promise.withResolvers<KeptAnswer>()
    // Nobody may be waiting for it.
    promise.catch(() => undefined)
    running.set(key, { body, answer: promise })
    const drop = async (error: unknown): Promise<void> => {
      reject(error)
      await writeSoon(() => forget.run(key))
      running.delete(key)
    }
    try {
      const now = clock.now()
      await store.write(() => {
        expire.run(now - keepMs)
        begin.run(key, body, now)
      })
    } catch (error) {
      running.delete(key)
      reject(error)
      throw error
    }
    return {
      type: 'first',
      drop,
      async keep(answer) {
        resolve(answer)
        const text = toText(answer)
        await writeSoon(() => finish.run(text, key))
        running.delete(key)
      },
      lose() {
        reject(unknownEnd())
        running.delete(key)
      },
    }
  }

  return {
    async enter(request) {
      const now = running.get(request.key)
      if (now !== undefined) return { type: 'again', answer: sameBody(request, now.body, now.answer) }
      const row = find.get(request.key, clock.now() - keepMs)
      if (row === undefined) return first(request)
      const answer = row['answer'] === null ? Promise.reject(unknownEnd()) : Promise.resolve(row['answer'])
      return {
        type: 'again',
        answer: sameBody(
          request,
          row['body'],
          answer.then((text) => fromText(String(text))),
        ),
      }
    },
  }
}

async function sameBody(
  request: Repeatable,
  body: unknown,
  answer: Promise<KeptAnswer>,
): Promise<KeptAnswer> {
  if (body === request.body) return await answer
  await answer.catch(() => undefined)
  throw new BrokerError(
    'key-reused',
    'this Idempotency-Key came before with another body; choose a new key for a new request',
  )
}

function unknownEnd(): BrokerError {
  return new BrokerError(
    'answer-unknown',
    'the first request with this Idempotency-Key was interrupted or its answer was too long to keep; it may have been billed, so it is not asked again: choose a new key to do so',
  )
}

function toText({ broken, ...answer }: KeptAnswer): string {
  if (broken === undefined) return JSON.stringify(answer)
  const { error, about } = broken
  const { code, message, details } = error
  return JSON.stringify({ ...answer, broken: { code, message, details, about } })
}

/** Only ever what `toText` wrote. */
function fromText(text: string): KeptAnswer {
  const { broken, ...answer } = JSON.parse(text) as Omit<KeptAnswer, 'broken'> & {
    broken?: Pick<BrokerError, 'code' | 'message' | 'details'> & { about: BrokenAnswer }
  }
  if (broken === undefined) return answer
  const { code, message, details, about } = broken
  return { ...answer, broken: { error: new BrokerError(code, message, { details }), about } }
}
