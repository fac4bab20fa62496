import { BrokerError } from '../../base/errors.ts'
import type { ChatChunk } from '../../wire/chat.ts'
import { EventSplitter, EventTooLarge } from '../../wire/sse.ts'
import type { AnswerListener } from '../provider.ts'
import { errorOfObject } from '../upstream-errors.ts'

/** A plain answer or an error body larger than this is refused. */
const MOST_BODY_BYTES = 64 * 1024 * 1024

const DONE = '[DONE]'
const decoder = new TextDecoder()

/** Makes sense of the bytes of one answer. */
export interface AnswerReader {
  data(bytes: Uint8Array): void
  end(): void
}

/** Collects a body that is wanted whole. */
export class BodyReader implements AnswerReader {
  readonly #onBody: (body: string) => void
  readonly #pieces: Uint8Array[] = []
  #bytes = 0

  constructor(onBody: (body: string) => void) {
    this.#onBody = onBody
  }

  data(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    if (this.#bytes > MOST_BODY_BYTES) {
      throw new BrokerError(
        'upstream-failed',
        `the provider's answer is larger than ${MOST_BODY_BYTES} bytes`,
      )
    }
    this.#pieces.push(bytes.slice())
  }

  end(): void {
    const [only] = this.#pieces
    this.#onBody(
      decoder.decode(only !== undefined && this.#pieces.length === 1 ? only : Buffer.concat(this.#pieces)),
    )
  }
}

interface StreamListener extends Pick<AnswerListener, 'chunk' | 'end' | 'fail'> {
  readonly provider: string
}

/**
 * Reads a stream of chunks. A stream is whole when every choice that it began has its finish reason; whatever else it
 * says at its end, without that it has failed.
 */
export class StreamReader implements AnswerReader {
  readonly #listener: StreamListener
  readonly #splitter = new EventSplitter((payload) => this.#event(payload))
  readonly #begun = new Set<number>()
  readonly #finished = new Set<number>()
  #isOver = false

  constructor(listener: StreamListener) {
    this.#listener = listener
  }

  data(bytes: Uint8Array): void {
    try {
      this.#splitter.feed(bytes)
    } catch (error) {
      if (error instanceof EventTooLarge)
        throw new BrokerError('upstream-failed', error.message, { cause: error })
      throw error
    }
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isWhole()) this.#listener.end()
    else this.#listener.fail(this.#cutShort())
  }

  #event(payload: string): void {
    if (this.#isOver) return
    if (payload === DONE) return this.end()
    const chunk = parseObject(payload)
    // An event that is no JSON says nothing; whether the stream is whole is decided at its end.
    if (chunk === undefined) return undefined
    if (chunk.error !== undefined && chunk.error !== null) {
      this.#isOver = true
      return this.#listener.fail(errorOfObject(this.#listener.provider, chunk.error))
    }
    this.#follow(chunk)
    return this.#listener.chunk(payload, chunk)
  }

  #follow(chunk: ChatChunk): void {
    for (const choice of chunk.choices ?? []) {
      const index = choice.index ?? 0
      this.#begun.add(index)
      if (typeof choice.finish_reason === 'string') this.#finished.add(index)
    }
  }

  #isWhole(): boolean {
    return this.#begun.size > 0 && this.#finished.size === this.#begun.size
  }

  #cutShort(): BrokerError {
    return new BrokerError(
      'upstream-failed',
      `the stream of ${this.#listener.provider} ended before the answer was finished`,
    )
  }
}

/** A JSON object, or `undefined` for whatever else the text may be. */
export function parseObject(text: string): ChatChunk | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
