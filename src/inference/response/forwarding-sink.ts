import type { BrokerError } from '../../base/errors.ts'
import type { ResponseHead } from './response-formatter.ts'
import type { ResponseSink, ResponseSource, CallerWatcher } from './response-sink.ts'

/** A sink that passes everything on to another sink. A sink that changes only some of it extends this class. */
export class ForwardingSink implements ResponseSink {
  protected readonly target: ResponseSink

  constructor(target: ResponseSink) {
    this.target = target
  }

  get id(): string {
    return this.target.id
  }

  get disconnected(): boolean {
    return this.target.disconnected
  }

  get watcher(): CallerWatcher | undefined {
    return this.target.watcher
  }

  set watcher(watcher: CallerWatcher | undefined) {
    this.target.watcher = watcher
  }

  start(headers: Readonly<Record<string, string>>): void {
    this.target.start(headers)
  }

  setAttempted(endpoints: readonly string[]): void {
    this.target.setAttempted?.(endpoints)
  }

  setHead(head: ResponseHead): void {
    this.target.setHead?.(head)
  }

  bytes(piece: Uint8Array): boolean {
    return this.target.bytes?.(piece) ?? true
  }

  setLeftOut(names: readonly string[]): void {
    this.target.setLeftOut?.(names)
  }

  chunk(json: string): boolean {
    return this.target.chunk(json)
  }

  respond(json: string): void {
    this.target.respond(json)
  }

  end(): void {
    this.target.end()
  }

  fail(error: BrokerError, about: ResponseSource): void {
    this.target.fail(error, about)
  }
}
