import { BrokerError } from '../../../base/errors.ts'
import type { AnswerSink, CallerWatcher } from '../../../inference/response/response-sink.ts'

/** Takes one plain answer for a caller who waits for all of it. */
export class WholeAnswer implements AnswerSink {
  readonly id: string
  readonly #signal: AbortSignal
  #json: string | undefined
  watcher: CallerWatcher | undefined

  /** @param signal aborts when the caller leaves. */
  constructor(id: string, signal: AbortSignal) {
    this.id = id
    this.#signal = signal
    signal.addEventListener('abort', () => this.watcher?.callerGone())
  }

  get isGone(): boolean {
    return this.#signal.aborted
  }

  /** The answer; throws when the caller left before there was one. */
  get json(): string {
    if (this.#json === undefined) throw new BrokerError('internal', 'the caller left before the answer came')
    return this.#json
  }

  accept(): void {}

  /** A result has no headers to say it in. */
  tried(): void {}

  /** Only a stream has chunks, and none was asked for. */
  chunk(): boolean {
    return true
  }

  answer(json: string): void {
    this.#json = json
  }

  end(): void {}

  fail(error: BrokerError): void {
    throw error
  }
}
