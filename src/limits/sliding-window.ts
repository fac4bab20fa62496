/** A minute, and the current second. */
const SLOTS = 61

/**
 * Counts events of the last minute, in slots of a second. A count is kept for at least 60 full seconds, so that no period of
 * a minute contains more events than were admitted.
 */
export class SlidingWindow {
  readonly #slots = new Float64Array(SLOTS)
  #second = 0
  #sum = 0

  add(second: number, count: number): void {
    this.#moveTo(second)
    const slot = second % SLOTS
    this.#slots[slot] = (this.#slots[slot] ?? 0) + count
    this.#sum += count
  }

  sum(second: number): number {
    this.#moveTo(second)
    return this.#sum
  }

  /** Seconds until at most `max` remains, if nothing is added. */
  secondsUntil(second: number, max: number): number {
    this.#moveTo(second)
    let remaining = this.#sum
    for (let wait = 0; wait < SLOTS; wait++) {
      if (remaining <= max) return wait
      remaining -= this.#slots[(second + 1 + wait) % SLOTS] ?? 0
    }
    return SLOTS
  }

  #moveTo(second: number): void {
    if (second <= this.#second) return
    const steps = Math.min(second - this.#second, SLOTS)
    for (let step = 1; step <= steps; step++) {
      const slot = (second - steps + step) % SLOTS
      this.#sum -= this.#slots[slot] ?? 0
      this.#slots[slot] = 0
    }
    this.#second = second
  }
}
