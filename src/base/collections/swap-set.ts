/** A member of at most one `SwapSet`; it carries its index there. */
export interface Placed {
  /** Written by the set alone; −1 while the member is in none. */
  place: number
}

/**
 * An unordered collection for members that are added and removed with every request; both take a few instructions.
 *
 * Not a `Set`: under churn a `Set` rebuilds its table every few dozen additions, and V8 links each old table to the next. Once
 * such a table has been promoted to the old generation, it keeps all later ones and everything in them alive until the next
 * full collection. Measured: a fifth of all that requests allocate outlived them.
 */
export class Roster<T extends Placed> {
  /** Never shrinks: V8 reallocates an array that shrinks and grows, and the old copy keeps its members alive. */
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

  /** False when it was not a member. */
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

  /** Members may be deleted meanwhile; those that are added meanwhile are not visited. */
  each(visit: (one: T) => void): void {
    for (let at = this.#size - 1; at >= 0; at--) {
      const one = this.#all[at]
      if (one !== undefined) visit(one)
    }
  }

  /** A copy. */
  list(): T[] {
    return this.#all.filter((one) => one !== undefined)
  }
}
