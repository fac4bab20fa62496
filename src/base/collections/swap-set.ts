/** A member of at most one `SwapSet`; it carries its index there. */
export interface SwapSetMember {
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
export class SwapSet<T extends SwapSetMember> {
  /** Never shrinks: V8 reallocates an array that shrinks and grows, and the old copy keeps its members alive. */
  readonly #all: (T | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  has(member: T): boolean {
    return member.place >= 0 && this.#all[member.place] === member
  }

  add(member: T): void {
    if (this.has(member)) return
    member.place = this.#size
    this.#all[this.#size++] = member
  }

  /** False when it was not a member. */
  delete(member: T): boolean {
    if (!this.has(member)) return false
    const end = --this.#size
    const last = this.#all[end]
    this.#all[end] = undefined
    if (last !== undefined && last !== member) {
      this.#all[member.place] = last
      last.place = member.place
    }
    member.place = -1
    return true
  }

  /** Members may be deleted meanwhile; those that are added meanwhile are not visited. */
  forEach(callback: (member: T) => void): void {
    for (let at = this.#size - 1; at >= 0; at--) {
      const member = this.#all[at]
      if (member !== undefined) callback(member)
    }
  }

  /** A copy. */
  list(): T[] {
    return this.#all.filter((member) => member !== undefined)
  }
}
