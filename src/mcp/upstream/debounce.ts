import type { Clock } from '../../base/clock.ts'

/** A burst of changes within this time is handled as one. */
const DELAY_MS = 100
/** After a run the next one waits this many times its duration: a server that never stops changing costs a fifth of the time. */
const PAUSE_RATIO = 4

/** Work that many events trigger and that runs once for all of them. */
export interface Debounced {
  /** Schedules a run; without effect while one is already scheduled. */
  trigger(): void
  /** Prevents further runs; a run in progress is not interrupted. */
  cancel(): void
}

/** Runs `work` once at a time, after a delay. Errors of `work` are ignored. */
export function createDebounced(clock: Clock, work: () => Promise<void>): Debounced {
  return new DebouncedWork(clock, work)
}

type State = 'idle' | 'scheduled' | 'running' | 'running-and-triggered' | 'cancelled'

class DebouncedWork implements Debounced {
  readonly #clock: Clock
  readonly #work: () => Promise<void>
  #state: State = 'idle'
  #notBefore = -Infinity
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock, work: () => Promise<void>) {
    this.#clock = clock
    this.#work = work
  }

  trigger(): void {
    if (this.#state === 'running') this.#state = 'running-and-triggered'
    else if (this.#state === 'idle') this.#schedule()
  }

  cancel(): void {
    this.#state = 'cancelled'
    this.#cancelTimer?.()
  }

  #schedule(): void {
    this.#state = 'scheduled'
    const delay = Math.max(DELAY_MS, this.#notBefore - this.#clock.monotonic())
    this.#cancelTimer = this.#clock.after(delay, () => void this.#run())
  }

  async #run(): Promise<void> {
    this.#state = 'running'
    const startedAt = this.#clock.monotonic()
    await this.#work().catch(() => undefined)
    const endedAt = this.#clock.monotonic()
    this.#notBefore = endedAt + PAUSE_RATIO * (endedAt - startedAt)
    this.#afterRun()
  }

  #afterRun(): void {
    if (this.#state === 'running-and-triggered') this.#schedule()
    else if (this.#state === 'running') this.#state = 'idle'
  }
}
