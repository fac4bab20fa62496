import type { BrokerError } from '../../base/errors.ts'
import type { AnswerSink, BrokenAnswer, CallerWatcher } from './response-sink.ts'

/** A sink that passes everything on to another sink. A sink that changes only some of it extends this class. */
export class ForwardingSink implements AnswerSink {
  protected readonly target: AnswerSink

  constructor(target: AnswerSink) {
    this.target = target
  }

  get id(): string {
    return this.target.id
  }

  get isGone(): boolean {
    return this.target.isGone
  }

  get watcher(): CallerWatcher | undefined {
    return this.target.watcher
  }

  set watcher(watcher: CallerWatcher | undefined) {
    this.target.watcher = watcher
  }

  accept(headers: Readonly<Record<string, string>>): void {
    this.target.accept(headers)
  }

  tried(endpoints: readonly string[]): void {
    this.target.tried?.(endpoints)
  }

  chunk(json: string): boolean {
    return this.target.chunk(json)
  }

  answer(json: string): void {
    this.target.answer(json)
  }

  end(): void {
    this.target.end()
  }

  fail(error: BrokerError, about: BrokenAnswer): void {
    this.target.fail(error, about)
  }
}
