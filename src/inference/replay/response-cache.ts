import type { Clock } from '../../base/clock.ts'

/** A response as it was sent, for later requests that are equal. */
export interface CachedResponse {
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
export interface ResponseCache {
  find(key: string): CachedResponse | undefined
  store(key: string, response: CachedResponse): void
  remove(key: string): void
}

/** Maximum length of one cached response. */
export const MAX_CACHED_CHARACTERS = 1024 * 1024
/** Maximum length of all cached responses together. */
const MAX_TOTAL_CHARACTERS = 64 * MAX_CACHED_CHARACTERS

export function createResponseCache(clock: Clock): ResponseCache {
  const responses = new Map<string, CachedResponse>()
  let characters = 0

  function remove(key: string): void {
    const response = responses.get(key)
    if (response === undefined) return
    responses.delete(key)
    characters -= sizeOf(response)
  }

  return {
    remove,
    find(key) {
      const response = responses.get(key)
      if (response === undefined || response.expiresAt > clock.monotonic()) return response
      remove(key)
      return undefined
    },
    store(key, response) {
      remove(key)
      if (sizeOf(response) > MAX_CACHED_CHARACTERS) return
      responses.set(key, response)
      characters += sizeOf(response)
      // Oldest first.
      for (const other of responses.keys()) {
        if (characters <= MAX_TOTAL_CHARACTERS) break
        remove(other)
      }
    },
  }
}

function sizeOf({ pieces }: CachedResponse): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
