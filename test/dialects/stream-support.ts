import type { BrokerError } from '../../src/base/errors.ts'
import type { ResponseEncoder } from '../../src/dialects/client-dialect.ts'
import type { EventDecoder } from '../../src/dialects/event-decoder.ts'
import { EventReader } from '../../src/providers/protocols/event-reader.ts'
import type { StreamHandler } from '../../src/providers/protocols/protocol.ts'
import type { ChatChunk } from '../../src/wire/openai/chat.ts'

export interface ReadStream {
  readonly chunks: ChatChunk[]
  ended: boolean
  error: BrokerError | undefined
}

/** What a provider's stream is read to, in these pieces. */
export function readStream(decoder: EventDecoder, pieces: readonly Uint8Array[]): ReadStream {
  const result: ReadStream = { chunks: [], ended: false, error: undefined }
  const handler = {
    provider: 'Scripted',
    choices: 1,
    onChunk: (_json: string, chunk: ChatChunk) => void result.chunks.push(chunk),
    onFinished: () => undefined,
    onResumed: () => undefined,
    onEnd: () => void (result.ended = true),
    onError: (error: BrokerError) => void (result.error = error),
  } as unknown as StreamHandler
  const reader = new EventReader(handler, decoder)
  for (const piece of pieces) reader.data(piece)
  reader.end()
  return result
}

/** What the encoder writes for these deltas is what the decoder reads: each is the oracle of the other. */
export function encodeStream(encoder: ResponseEncoder, deltas: readonly object[], ending: object): string {
  const chunk = (choice: object): string =>
    encoder.chunk(JSON.stringify({ choices: [{ index: 0, ...choice }] }))
  const usage = { prompt_tokens: 50, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 20 } }
  return [
    ...deltas.map((delta) => chunk({ delta, finish_reason: null })),
    chunk({ delta: {}, ...ending }),
    encoder.chunk(JSON.stringify({ choices: [], usage })),
    encoder.end(),
  ].join('')
}

/** A piece of a tool call, with its id and its name where it begins. */
export function callPiece(index: number, text: string, id?: string): object {
  const named = id === undefined ? {} : { name: `f${index}` }
  return {
    tool_calls: [{ index, ...(id === undefined ? {} : { id }), function: { ...named, arguments: text } }],
  }
}
