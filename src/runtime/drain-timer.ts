import type { Clock } from '../base/clock.ts'

/** The time that open requests get while a program stops: the drain timeout, or no time at all once `hurry` was called. */
export class DrainTimer {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #onHurry = new Set<() => void>()
  #isHurrying = false

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** Calls `run` when the drain timeout and `extraMs` are over, counted from now; the returned function cancels it. */
  after(extraMs: number, run: () => void): () => void {
    let cancel = this.#clock.after(this.#isHurrying ? extraMs : this.#timeoutMs + extraMs, fire)
    const forget = this.onHurry(() => {
      cancel()
      cancel = this.#clock.after(extraMs, fire)
    })
    function fire(): void {
      forget()
      run()
    }
    return () => {
      forget()
      cancel()
    }
  }

  /** Ends the drain timeout of everything that waits, now or later. */
  hurry(): void {
    if (this.#isHurrying) return
    this.#isHurrying = true
    for (const act of this.#onHurry) act()
  }

  /** Calls `act` when `hurry` is called, not if it was before; the returned function cancels that. */
  onHurry(act: () => void): () => void {
    this.#onHurry.add(act)
    return () => this.#onHurry.delete(act)
  }

  get isHurrying(): boolean {
    return this.#isHurrying
  }
}
