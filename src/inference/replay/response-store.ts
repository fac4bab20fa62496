import type { Clock } from '../../base/clock.ts'

type Item = Readonly<Record<string, unknown>>

/** A response that its caller may name later. */
export interface KeptResponse {
  /** `resp_…` */
  readonly id: string
  /** All that the model got: the items of the request behind those of the responses before. */
  readonly input: readonly Item[]
  /** As the caller got it, or gets it while it runs in the background. */
  readonly response: Item
  /** Characters of input and response together. */
  readonly size: number
  /** Stops it; present while it runs in the background. */
  readonly cancel?: (() => void) | undefined
}

/**
 * Responses that callers go on from by their ids. In memory, so that no prompt is written to a disk; after a restart they are
 * unknown. The oldest of a caller give way to its newer ones, and the oldest of all when all together are too large.
 */
export interface ResponseStore {
  /** @param owner `callerKey` of the caller: no one else finds the response. */
  find(owner: string, id: string): KeptResponse | undefined
  /** Keeps a response, or replaces the one of the same id. One that is too large is not kept. */
  keep(owner: string, response: KeptResponse): void
  /** Whether there was one. */
  remove(owner: string, id: string): boolean
}

const MIB = 1024 * 1024
/** In characters: of one response, of those of one caller, and of all. */
const MAX_ONE = 8 * MIB
const MAX_CALLER = 32 * MIB
const MAX_ALL = 128 * MIB
/** Of one caller. */
const MAX_COUNT = 1000

interface Kept {
  readonly owner: string
  readonly response: KeptResponse
  /** Monotonic milliseconds. */
  readonly expiresAt: number
}

export interface ResponseStoreOptions {
  readonly clock: Clock
  readonly keepMs: number
}

export function createResponseStore(options: ResponseStoreOptions): ResponseStore {
  return new MemoryResponseStore(options)
}

class MemoryResponseStore implements ResponseStore {
  readonly #clock: Clock
  readonly #keepMs: number
  /** By their ids, which cannot be guessed, oldest first. */
  readonly #kept = new Map<string, Kept>()
  readonly #sizes = new Map<string, { characters: number; count: number }>()
  #characters = 0

  constructor({ clock, keepMs }: ResponseStoreOptions) {
    this.#clock = clock
    this.#keepMs = keepMs
  }

  find(owner: string, id: string): KeptResponse | undefined {
    this.#expire()
    const kept = this.#kept.get(id)
    return kept?.owner === owner ? kept.response : undefined
  }

  keep(owner: string, response: KeptResponse): void {
    this.#expire()
    const before = this.#kept.get(response.id)
    if (before !== undefined) this.#drop(before)
    if (response.size > MAX_ONE) return
    this.#kept.set(response.id, { owner, response, expiresAt: this.#clock.monotonic() + this.#keepMs })
    this.#count(owner, response.size, 1)
    this.#makeRoom(owner)
  }

  remove(owner: string, id: string): boolean {
    const kept = this.#kept.get(id)
    if (kept?.owner !== owner) return false
    this.#drop(kept)
    return true
  }

  #expire(): void {
    const now = this.#clock.monotonic()
    for (const kept of this.#kept.values()) {
      if (kept.expiresAt > now) return
      this.#drop(kept)
    }
  }

  #makeRoom(owner: string): void {
    for (const kept of this.#kept.values()) {
      const { characters = 0, count = 0 } = this.#sizes.get(owner) ?? {}
      const isCallerFull = characters > MAX_CALLER || count > MAX_COUNT
      if (!isCallerFull && this.#characters <= MAX_ALL) return
      if (kept.owner === owner || !isCallerFull) this.#drop(kept)
    }
  }

  #drop({ owner, response }: Kept): void {
    this.#kept.delete(response.id)
    this.#count(owner, -response.size, -1)
  }

  #count(owner: string, characters: number, count: number): void {
    this.#characters += characters
    const all = this.#sizes.get(owner) ?? { characters: 0, count: 0 }
    all.characters += characters
    all.count += count
    if (all.count === 0) this.#sizes.delete(owner)
    else this.#sizes.set(owner, all)
  }
}
