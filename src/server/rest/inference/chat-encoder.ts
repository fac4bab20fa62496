import type { Clock } from '../../../base/clock.ts'
import type { BrokerError } from '../../../base/errors.ts'
import type { BrokenResponse, ResponseEncoder } from '../../../dialects/client-dialect.ts'
import { renderError } from '../../http/errors/error-response.ts'

const DONE = 'data: [DONE]\n\n'
/** OpenRouter's keep-alive comment; SSE clients skip comments. */
const KEEP_ALIVE = ': OPENROUTER PROCESSING\n\n'

export interface ChatEncoderFacts {
  readonly id: string
  /** The `object` field of the chunks. */
  readonly object: string
  readonly clock: Clock
}

/** Writes responses as OpenAI and OpenRouter do: what the pipeline gives is in their form already. */
export class ChatEncoder implements ResponseEncoder {
  readonly streamType = 'text/event-stream; charset=utf-8'
  readonly #facts: ChatEncoderFacts
  #hasSentChunk = false

  constructor(facts: ChatEncoderFacts) {
    this.#facts = facts
  }

  chunk(json: string): string {
    this.#hasSentChunk = true
    return `data: ${json}\n\n`
  }

  response(json: string): string {
    return json
  }

  end(): string {
    return DONE
  }

  fail(error: BrokerError, { model, provider }: BrokenResponse): string {
    const { id, object, clock } = this.#facts
    const choice = { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' }
    const chunk = {
      id,
      object,
      created: Math.floor(clock.now() / 1000),
      model,
      provider,
      ...renderError(error).body,
      choices: this.#hasSentChunk ? [{ ...choice, native_finish_reason: 'error' }] : [],
    }
    return `data: ${JSON.stringify(chunk)}\n\n`
  }

  keepAlive(): string {
    return KEEP_ALIVE
  }
}
