const EMPTY = new Uint8Array()

/** Collects bytes that arrive in pieces into one piece of memory. */
export class ByteBuffer {
  #memory: Uint8Array = EMPTY
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The last byte; `undefined` when there is none. */
  get last(): number | undefined {
    return this.#length === 0 ? undefined : this.#memory[this.#length - 1]
  }

  /** Copies the piece, so that the caller may reuse its memory. */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length
    if (length > this.#memory.length) this.#grow(length)
    this.#memory.set(piece, this.#length)
    this.#length = length
  }

  /** Returns all bytes and empties the buffer. */
  take(): Uint8Array {
    const all = this.#memory.subarray(0, this.#length)
    this.#memory = EMPTY
    this.#length = 0
    return all
  }

  /** The first piece gets exactly its own length, for mostly no other follows; then the memory doubles. */
  #grow(length: number): void {
    const larger = new Uint8Array(this.#length === 0 ? length : Math.max(length, 2 * this.#memory.length))
    larger.set(this.#memory.subarray(0, this.#length))
    this.#memory = larger
  }
}
