const NONE = new Uint8Array()

/** Bytes that come piece by piece and are wanted together: one piece of memory, however many they come in. */
export class GrowingBytes {
  #memory: Uint8Array = NONE
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Copies the piece: whoever reads may use its memory again. */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length
    if (length > this.#memory.length) this.#grow(length)
    this.#memory.set(piece, this.#length)
    this.#length = length
  }

  /** All of them, and nothing is left here. */
  take(): Uint8Array {
    const all = this.#memory.subarray(0, this.#length)
    this.#memory = NONE
    this.#length = 0
    return all
  }

  /** At first no more than is needed, which mostly is all that comes. */
  #grow(length: number): void {
    const larger = new Uint8Array(this.#length === 0 ? length : Math.max(length, 2 * this.#memory.length))
    larger.set(this.#memory.subarray(0, this.#length))
    this.#memory = larger
  }
}
