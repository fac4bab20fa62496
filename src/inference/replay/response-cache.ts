import type { Clock } from '../../base/clock.ts'

/** An answer as it was told, for whoever asks the very same again. */
export interface CachedAnswer {
  /** Generation id under which it was first given. */
  readonly id: string
  readonly model: string
  readonly streamed: boolean
  /** The chunks of a stream, or the one plain answer. */
  readonly pieces: readonly string[]
  /** Monotonic milliseconds. */
  readonly storedAt: number
  readonly expiresAt: number
}

/** Answers that callers asked to be kept for a while, in memory: what is gone is asked again. */
export interface AnswerCache {
  find(key: string): CachedAnswer | undefined
  keep(key: string, answer: CachedAnswer): void
  drop(key: string): void
}

/** Of one answer. */
export const MOST_CACHED_CHARACTERS = 1024 * 1024
/** Of all of them. */
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
