/** A value that is replaced as a whole now and then, and read with every request. */
export class Current<T> {
  #value: T
  /** Reads the value. A function of its own, so that it can be passed on without its object. */
  readonly get = (): T => this.#value

  constructor(value: T) {
    this.#value = value
  }

  set(value: T): void {
    this.#value = value
  }
}
