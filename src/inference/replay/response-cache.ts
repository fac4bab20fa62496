import type { Clock } from '../../base/clock.ts'

/** A response as it was sent, for later requests that are equal. */
export interface CachedAnswer {
  /** Generation id of the request that it was first sent for. */
  readonly id: string
  readonly model: string
  readonly streamed: boolean
  /** The chunks of a stream, or the one unstreamed response. */
  readonly pieces: readonly string[]
  /** Monotonic milliseconds. */
  readonly storedAt: number
  readonly expiresAt: number
}

/**
 * Responses that callers want cached for a while. In memory: a request whose response is gone is sent upstream again. When
 * the cache is full, the responses that were stored first are dropped.
 */
export interface AnswerCache {
  find(key: string): CachedAnswer | undefined
  keep(key: string, answer: CachedAnswer): void
  drop(key: string): void
}

/** Maximum length of one cached response. */
export const MOST_CACHED_CHARACTERS = 1024 * 1024
/** Maximum length of all cached responses together. */
const MOST_CHARACTERS = 64 * MOST_CACHED_CHARACTERS

export function createAnswerCache(clock: Clock): AnswerCache {
  const answers = new Map<string, CachedAnswer>()
  let characters = 0

  function drop(key: string): void {
    const answer = answers.get(key)
    if (answer === undefined) return
    answers.delete(key)
    characters -= sizeOf(answer)
  }

  return {
    drop,
    find(key) {
      const answer = answers.get(key)
      if (answer === undefined || answer.expiresAt > clock.monotonic()) return answer
      drop(key)
      return undefined
    },
    keep(key, answer) {
      drop(key)
      if (sizeOf(answer) > MOST_CACHED_CHARACTERS) return
      answers.set(key, answer)
      characters += sizeOf(answer)
      // Oldest first.
      for (const other of answers.keys()) {
        if (characters <= MOST_CHARACTERS) break
        drop(other)
      }
    },
  }
}

function sizeOf({ pieces }: CachedAnswer): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
