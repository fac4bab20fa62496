import { chatAnswer, chatChunk } from './chat-types.ts'
import type { ChatAnswer, ChatChunk, ChatRequest } from './chat-types.ts'
import { callRest, readChunks, readResponse } from './rest-call.ts'
import type { CallOptions } from './rpc-client.ts'
import type { Transport } from './transport.ts'

export interface ChatClient {
  /** Sends the request and waits for the complete response. */
  chat(request: ChatRequest, options?: CallOptions): Promise<ChatAnswer>
  /**
   * Sends the request and yields the response chunk by chunk. Leaving the loop, or aborting, closes the connection, and
   * the broker aborts the upstream request. Throws when the stream ends early: a loop that ends normally had all of it.
   */
  streamChat(request: ChatRequest, options?: CallOptions): AsyncGenerator<ChatChunk, void, void>
}

export function createChatClient(transport: Transport): ChatClient {
  const send = (request: object, options?: CallOptions) => callRest(transport, CHAT_PATH, request, options)
  return {
    async chat(request, options) {
      return readResponse(await send({ ...request, stream: false }, options), chatAnswer)
    },
    async *streamChat(request, options) {
      yield* readChunks(
        await send({ stream_options: WITH_USAGE, ...request, stream: true }, options),
        chatChunk,
      )
    },
  }
}

export const CHAT_PATH = '/v1/chat/completions'

/** OpenAI's option for a last chunk that carries `usage`. */
const WITH_USAGE = { include_usage: true }
