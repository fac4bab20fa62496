import { BrokerError } from '../../base/errors.ts'
import type { EventDecoder } from '../../dialects/event-decoder.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import { parseObject } from '../../wire/openai/parse-object.ts'
import { EventSplitter, EventTooLarge } from '../../wire/sse.ts'
import { errorOfObject } from '../errors/upstream-errors.ts'
import { documentsIn } from '../transport/document-reader.ts'
import { isFinishing } from './openai-chat/chunk-normalizer.ts'
import { eventsOf, foldStream, type FoldHandler } from './openai-chat/fold-stream.ts'
import type { DecodedResponse, ExpectedResponse, StreamConsumer } from './protocol.ts'

/** What a reader of events needs of the handler. */
type EventHandler = FoldHandler & { readonly provider: string }

/**
 * A plain response that is a stream of events after all, or a list of documents; `undefined` for one that is not. Its caller
 * gets it in the words of a chat.
 */
export function foldEvents(
  body: string,
  { provider }: Pick<ExpectedResponse, 'provider'>,
  createDecoder: () => EventDecoder,
): DecodedResponse | BrokerError | undefined {
  const events = eventsOf(body)
  // A list with one document is read as the document.
  if (events === undefined || documentsIn(body).length === 1) return undefined
  const response = foldStream(
    events,
    provider,
    (handler) => new EventReader({ ...handler, provider }, createDecoder()),
  )
  return response instanceof BrokerError ? response : { json: JSON.stringify(response), response }
}

/**
 * Reads a stream whose events are not OpenAI's chunks: a dialect's decoder makes chunks of them. The stream is complete when
 * the decoder says so; any other end is a failure.
 */
export class EventReader implements StreamConsumer {
  readonly #handler: EventHandler
  readonly #decoder: EventDecoder
  readonly #splitter = new EventSplitter((payload) => this.#onEvent(payload))
  #isOver = false
  skipped = 0

  constructor(handler: EventHandler, decoder: EventDecoder) {
    this.#handler = handler
    this.#decoder = decoder
  }

  get isComplete(): boolean {
    return this.#decoder.isComplete
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
    if (!this.#isOver) this.#splitter.end()
    if (this.#isOver) return
    this.#isOver = true
    const { provider } = this.#handler
    if (this.isComplete) this.#handler.onEnd()
    else
      this.#handler.onError(
        new BrokerError(
          'upstream-failed',
          `the stream of ${provider} ended before the response was complete`,
        ),
      )
  }

  #onEvent(payload: string): void {
    if (this.#isOver) return
    const event = parseObject(payload)
    // A malformed event alone is no failure; whether the stream is complete is decided at its end.
    if (event === undefined) {
      this.skipped++
      return
    }
    for (const chunk of this.#decoder.decode(event as Readonly<Record<string, unknown>>)) this.#onChunk(chunk)
  }

  #onChunk(chunk: ChatChunk): void {
    if (this.#isOver) return
    if (chunk.error !== undefined) {
      this.#isOver = true
      return this.#handler.onError(errorOfObject(this.#handler.provider, chunk.error))
    }
    this.#handler.onChunk(JSON.stringify(chunk), chunk)
    if ((chunk.choices ?? []).some(isFinishing)) this.#handler.onFinished()
    return undefined
  }
}
