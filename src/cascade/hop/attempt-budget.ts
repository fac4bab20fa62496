import type { BrokerError } from '../../base/errors.ts'

/**
 * The attempts at providers that one request of the bottom broker may cause, over the whole tree of brokers. A part is granted
 * to a mother with each request to her; what she used comes back with her error, and without a word from her all of it counts.
 */
export class AttemptBudget {
  readonly #max: number
  #used = 0
  #granted = 1

  constructor(max: number) {
    this.#max = Math.max(1, max)
  }

  /** How many were made, as far as is known. */
  get used(): number {
    return this.#used
  }

  get left(): number {
    return this.#max - this.#used
  }

  /** What the next request to a mother may use. Where another candidate could respond in her place, one is kept for it. */
  grant(hasAlternative: boolean): number {
    this.#granted = Math.max(1, hasAlternative ? this.left - 1 : this.left)
    return this.#granted
  }

  /** Counts a failed attempt, or an aborted one. */
  spend({ details }: BrokerError, isAtMother: boolean): void {
    if (details.isUnsent === true || details.mayRepeat === true) return
    if (!isAtMother) this.#used++
    else this.#used += Math.min(details.attempts ?? this.#granted, this.#granted)
  }
}
