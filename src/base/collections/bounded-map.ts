/** A map of at most `max` entries: when one more comes, the entry that was written least recently is dropped. */
export class BoundedMap<Key, Value> {
  readonly #max: number
  readonly #entries = new Map<Key, Value>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  /** Writes an entry and makes it the newest. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#max) this.#dropOldest()
    this.#entries.set(key, value)
  }

  /** The entry of `key`; one made by `create` where there is none yet. */
  getOrCreate(key: Key, create: () => Value): Value {
    const existing = this.#entries.get(key)
    if (existing !== undefined) return existing
    const created = create()
    this.set(key, created)
    return created
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  /** Oldest first. */
  keys(): MapIterator<Key> {
    return this.#entries.keys()
  }

  /** Oldest first. */
  values(): MapIterator<Value> {
    return this.#entries.values()
  }

  /** Oldest first. */
  entries(): MapIterator<[Key, Value]> {
    return this.#entries.entries()
  }

  #dropOldest(): void {
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
