import type { BrokerError } from '../../base/errors.ts'
import type { ResponseHead } from './response-formatter.ts'

/** The model and the provider whose response broke off. */
export interface ResponseSource {
  readonly model: string
  /** Display name. */
  readonly provider: string | undefined
}

/**
 * Gets the caller's events while a response is under way. An object that exists anyway implements it, rather than two
 * closures for each attempt. Measured: with closures, a fifth of all that requests allocate outlived them, until the next
 * full collection.
 */
export interface CallerWatcher {
  /** The caller disconnected. */
  onDisconnect(): void
  /** A slow caller can take more chunks. */
  onDrain(): void
}

/** Where a response is written: the server's side of one request. */
export interface ResponseSink {
  /** The generation id: the response carries it, and the ledger knows the request by it. */
  readonly id: string
  /** The hold is written and the request is about to be sent upstream. An HTTP response carries the headers. */
  start(headers: Readonly<Record<string, string>>): void
  /**
   * Ids of the endpoints that were attempted so far, the one that responds last. Called before the response begins, for sinks
   * whose response has headers.
   */
  setAttempted?(endpoints: readonly string[]): void
  /** The head of a response that is not JSON of ours. Called before the response begins. */
  setHead?(head: ResponseHead): void
  /** Writes bytes of a response that passes as it comes, after `setHead`. Returns false like `chunk`. */
  bytes?(piece: Uint8Array): boolean
  /** Names of what the caller asked for and the endpoint that responds does not take. Called as `setAttempted` is. */
  setLeftOut?(names: readonly string[]): void
  /** Writes one chunk, as JSON. False when the caller is slow: `watcher.onDrain` is called when it can take more. */
  chunk(json: string): boolean
  /** Writes an unstreamed response, as JSON. */
  respond(json: string): void
  /** The response is complete. */
  end(): void
  /** After the first chunk: reports in the stream that the response broke off. */
  fail(error: BrokerError, about: ResponseSource): void
  /** The caller has disconnected. */
  readonly disconnected: boolean
  /** Gets the caller's events while a response is under way. */
  watcher: CallerWatcher | undefined
}
