import { chatAnswer, chatChunk } from './chat-types.ts'
import type { ChatAnswer, ChatChunk, ChatRequest } from './chat-types.ts'
import { askRest, chunksOf, wholeOf } from './rest-call.ts'
import type { CallOptions } from './rpc-client.ts'
import type { Transport } from './transport.ts'

export interface ChatClient {
  /** Asks and waits for the whole answer. */
  chat(request: ChatRequest, options?: CallOptions): Promise<ChatAnswer>
  /**
   * Asks and yields the answer as it is written. Leaving the loop, or aborting, hangs up, and the broker stops asking.
   * Throws when the answer breaks off: what came without an error is whole.
   */
  streamChat(request: ChatRequest, options?: CallOptions): AsyncGenerator<ChatChunk, void, void>
}

export function createChatClient(transport: Transport): ChatClient {
  const ask = (request: object, options?: CallOptions) => askRest(transport, CHAT_PATH, request, options)
  return {
    async chat(request, options) {
      return wholeOf(await ask({ ...request, stream: false }, options), chatAnswer)
    },
    async *streamChat(request, options) {
      yield* chunksOf(await ask({ stream_options: WITH_USAGE, ...request, stream: true }, options), chatChunk)
    },
  }
}

export const CHAT_PATH = '/v1/chat/completions'

/** OpenAI's way to ask for the last chunk that carries `usage`. */
const WITH_USAGE = { include_usage: true }
