/** The tool calls that are running, so that a program that stops lets them finish. */
export class RunningCalls {
  #count = 0
  readonly #onIdle: (() => void)[] = []

  async track<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#count++
    try {
      return await call()
    } finally {
      this.#count--
      if (this.#count === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
    }
  }

  /** Resolves when no call is running. */
  idle(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }
}
