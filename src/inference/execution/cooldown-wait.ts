import type { Clock } from '../../base/clock.ts'
import type { CallerWatcher, ResponseSink } from '../response/response-sink.ts'

/** The wait for an endpoint that cools down; meanwhile no attempt watches the caller. */
export class CooldownWait implements CallerWatcher {
  readonly #sink: ResponseSink
  readonly #cancelTimer: () => void
  readonly #ended = Promise.withResolvers<boolean>()

  constructor(sink: ResponseSink, clock: Clock, ms: number) {
    this.#sink = sink
    this.#cancelTimer = clock.after(ms, () => this.#end(true))
    sink.watcher = this
  }

  /** Resolves when the wait is over: with false when the caller disconnected meanwhile. */
  get ended(): Promise<boolean> {
    return this.#ended.promise
  }

  /** Ends the wait although the endpoint still cools down. */
  stop(): void {
    this.#end(true)
  }

  onDrain(): void {}

  onDisconnect(): void {
    this.#end(false)
  }

  #end(isConnected: boolean): void {
    this.#cancelTimer()
    this.#sink.watcher = undefined
    this.#ended.resolve(isConnected)
  }
}
