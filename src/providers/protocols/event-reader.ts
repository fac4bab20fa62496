import { BrokerError } from '../../base/errors.ts'
import type { EventDecoder } from '../../dialects/event-decoder.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import { parseObject } from '../../wire/openai/parse-object.ts'
import { EventSplitter, EventTooLarge } from '../../wire/sse.ts'
import { errorOfObject } from '../errors/upstream-errors.ts'
import type { ProviderRequest } from '../provider.ts'
import { asEvents, documentsIn } from '../transport/document-reader.ts'
import { unusable } from './dialect-checks.ts'
import { isFinishing } from './openai-chat/chunk-normalizer.ts'
import { foldStream, looksLikeEvents, type FoldHandler } from './openai-chat/fold-stream.ts'
import type {
  DecodedResponse,
  EncodeFacts,
  ExpectedResponse,
  ProviderProtocol,
  StreamConsumer,
} from './protocol.ts'

/** What a reader of events needs of the handler. */
type EventHandler = FoldHandler & { readonly provider: string }

/** How the responses of one dialect are read. */
export interface DialectReading<Facts extends { readonly keepsOriginal: boolean }> {
  /** What its decoders need to know of a request. */
  facts(request: ProviderRequest, facts: EncodeFacts): Facts
  createDecoder(facts: Facts): EventDecoder
  /** Reads a response that is no stream. @param body its text, for errors. */
  read(
    response: Readonly<Record<string, unknown>>,
    body: string,
    expected: ExpectedResponse,
  ): DecodedResponse | BrokerError
}

/** The readers of a protocol whose responses are in another dialect than the broker's own. */
export function readersOf<Facts extends { readonly keepsOriginal: boolean }>(
  reading: DialectReading<Facts>,
): Pick<ProviderProtocol, 'createStreamReader' | 'readResponse'> {
  return {
    createStreamReader: (handler) =>
      new EventReader(handler, reading.createDecoder(reading.facts(handler.request, handler))),
    readResponse(body, expected) {
      if (looksLikeEvents(body)) return fold(body, reading, expected)
      const documents = documentsIn(body)
      // A list with one document is read as the document.
      if (documents.length > 1) return fold(asEvents(documents), reading, expected)
      const response = parseObject(documents[0] ?? body)
      return response === undefined
        ? notAnObject(body, expected)
        : reading.read(response as Readonly<Record<string, unknown>>, body, expected)
    },
  }
}

/** A plain response that came as events after all. Its caller gets it in the words of a chat. */
function fold<Facts extends { readonly keepsOriginal: boolean }>(
  events: string,
  reading: DialectReading<Facts>,
  expected: ExpectedResponse,
): DecodedResponse | BrokerError {
  const { provider, request } = expected
  const facts = { ...reading.facts(request, expected), keepsOriginal: false }
  const response = foldStream(
    events,
    provider,
    (handler) => new EventReader({ ...handler, provider }, reading.createDecoder(facts)),
  )
  return response instanceof BrokerError ? response : { json: JSON.stringify(response), response }
}

function notAnObject(body: string, { provider, contentType }: ExpectedResponse): BrokerError {
  return unusable(`${provider} sent something that is not JSON (${contentType || 'no type'})`, provider, body)
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
