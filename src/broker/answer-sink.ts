import type { BrokerError } from '../base/errors.ts'

/** Where an answer goes: a door's side of one request. */
export interface AnswerSink {
  /** Called once, before anything else, with the id that the answer will carry. */
  accept(id: string): void
  /** One chunk as JSON. False when the caller is slow: `whenReady` will be called. */
  chunk(json: string): boolean
  answer(json: string): void
  /** The answer is whole. */
  end(): void
  /** After the first chunk: tells the caller in the stream that the answer is broken. */
  fail(error: BrokerError): void
  readonly isGone: boolean
  whenGone: (() => void) | undefined
  whenReady: (() => void) | undefined
}
