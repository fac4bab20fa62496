/** A new maximum is forgotten slowly: after some 35 quicker responses half of it is left. */
const KEPT = 0.98
/** A response may take so many times as long as the slowest that was seen. */
const MARGIN = 3

/** The slowest of the latest responses of an endpoint, as a measure of how long its next one may take. */
export class SlowestSeen {
  #ms = 0

  /** How long the next response may take; 0 when none was seen. */
  get limitMs(): number {
    return this.#ms * MARGIN
  }

  add(ms: number): void {
    this.#ms = Math.max(ms, this.#ms * KEPT)
  }

  /** A response was given up after `ms`. It might have come: the next one gets half as much time again. */
  gaveUpAfter(ms: number): void {
    this.#ms = Math.max(this.#ms, ms / 2)
  }
}
