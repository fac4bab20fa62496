/** Something that may stand in one roster and knows where. */
export interface Placed {
  /** The roster's own to write; −1 while it stands in none. */
  place: number
}

/**
 * An unordered collection of what comes and goes with every request; adding and removing are a few instructions.
 *
 * Not a `Set`: one that churns builds its table anew every few dozen additions, and V8 links each old table to the next. Once
 * such a table has grown old, all later ones live on behind it with everything that was in them, until the next full
 * collection. Measured: a fifth of all that requests allocate outlived them.
 */
export class Roster<T extends Placed> {
  /** Only ever grows: V8 builds an array that shrinks and grows anew each time, and the old one keeps what was in it. */
  readonly #all: (T | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  has(one: T): boolean {
    return one.place >= 0 && this.#all[one.place] === one
  }

  add(one: T): void {
    if (this.has(one)) return
    one.place = this.#size
    this.#all[this.#size++] = one
  }

  /** False when it was not here. */
  delete(one: T): boolean {
    if (!this.has(one)) return false
    const end = --this.#size
    const last = this.#all[end]
    this.#all[end] = undefined
    if (last !== undefined && last !== one) {
      this.#all[one.place] = last
      last.place = one.place
    }
    one.place = -1
    return true
  }

  /** Each may take itself or others away meanwhile; what is added meanwhile is not visited. */
  each(visit: (one: T) => void): void {
    for (let at = this.#size - 1; at >= 0; at--) {
      const one = this.#all[at]
      if (one !== undefined) visit(one)
    }
  }

  list(): T[] {
    return this.#all.filter((one) => one !== undefined)
  }
}
