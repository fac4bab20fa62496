import type { ChatChunk } from '../wire/openai/chat.ts'

/**
 * Reads the events of a provider's stream as the broker's own chunks: OpenAI's, with a finish reason in the last chunk of the
 * choice and the usage, in OpenAI's arithmetic, in it or after it. One decoder per stream: it keeps state.
 */
export interface EventDecoder {
  /** The chunks of one event. An event that is an error is returned as `{ error }`, in the provider's own shape. */
  decode(event: Readonly<Record<string, unknown>>): readonly ChatChunk[]
  /** Whether the response is whole; a stream that ends before has failed. */
  readonly isComplete: boolean
}
