import { BrokerError } from '../base/errors.ts'
import { readSse } from '../wire/sse-read.ts'
import { chatAnswer, chatChunk } from './chat-types.ts'
import type { ChatAnswer, ChatChunk, ChatRequest } from './chat-types.ts'
import { restError } from './read-error.ts'
import type { CallOptions } from './rpc-client.ts'
import { parseJson, readText } from './transport.ts'
import type { Transport, TransportAnswer } from './transport.ts'

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
  return {
    async chat(request, options) {
      const answer = await post(transport, { ...request, stream: false }, options)
      const whole = chatAnswer.safeParse(parseJson(await readText(answer.body)))
      if (!whole.success) throw strange()
      return whole.data
    },

    async *streamChat(request, options) {
      const answer = await post(transport, { stream_options: WITH_USAGE, ...request, stream: true }, options)
      for await (const { data } of readSse(answer.body)) {
        if (data === '[DONE]') return
        yield readChunk(data)
      }
      throw new BrokerError('upstream-failed', 'the answer broke off before its end')
    },
  }
}

/** OpenAI's way to ask for the last chunk that carries `usage`. */
const WITH_USAGE = { include_usage: true }

async function post(
  transport: Transport,
  request: object,
  options: CallOptions = {},
): Promise<TransportAnswer> {
  const answer = await transport({
    door: 'rest',
    method: 'POST',
    path: '/v1/chat/completions',
    body: JSON.stringify(request),
    signal: options.signal,
  })
  if (answer.status === 200) return answer
  throw restError(answer.status, parseJson(await readText(answer.body)))
}

/** A failure after the first word comes inside the stream, for its status has gone out already. */
function readChunk(data: string): ChatChunk {
  const json = parseJson(data)
  if (typeof json === 'object' && json !== null && 'error' in json) throw restError(502, json)
  const chunk = chatChunk.safeParse(json)
  if (!chunk.success) throw strange()
  return chunk.data
}

function strange(): BrokerError {
  return new BrokerError('internal', 'the broker answered with something that is no chat completion')
}
