import type { BrokerError } from '../../base/errors.ts'

/** Whose answer broke off. */
export interface BrokenAnswer {
  readonly model: string
  /** Display name. */
  readonly provider: string | undefined
}

/**
 * An object that is there anyway rather than two closures for each attempt. Measured: with those, a fifth of all that requests
 * allocate outlived them, until the next full collection.
 */
export interface CallerWatcher {
  /** The caller hung up. */
  callerGone(): void
  /** A slow caller can take more. */
  callerReady(): void
}

/** Where an answer goes: a door's side of one request. */
export interface AnswerSink {
  /** The generation id: the answer carries it, and the ledger knows the request by it. */
  readonly id: string
  /** The request is booked and a provider is about to be asked. An HTTP answer carries the headers. */
  accept(headers: Readonly<Record<string, string>>): void
  /** Ids of the endpoints that were asked so far, the one that answers last. Called before the answer begins, for sinks that have a head. */
  tried?(endpoints: readonly string[]): void
  /** One chunk as JSON. False when the caller is slow: the watcher will hear when it is ready for more. */
  chunk(json: string): boolean
  answer(json: string): void
  /** The answer is whole. */
  end(): void
  /** After the first chunk: tells the caller in the stream that the answer is broken. */
  fail(error: BrokerError, about: BrokenAnswer): void
  readonly isGone: boolean
  /** Who hears of the caller while an answer is under way. */
  watcher: CallerWatcher | undefined
}
