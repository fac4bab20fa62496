import { BrokerError } from '../../../base/errors.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'
import { parseObject } from '../../../wire/openai/parse-object.ts'
import { EventSplitter, EventTooLarge } from '../../../wire/sse.ts'
import { errorOfObject } from '../../errors/upstream-errors.ts'
import type { MediaExchange } from '../../provider.ts'
import { BodyReader, type BodyConsumer } from '../../transport/body-reader.ts'
import { unusable } from '../dialect-checks.ts'
import { errorInside } from '../openai-chat/response-checks.ts'

/** Gets the parts of a response; `onEnd` or `onError` is the last call. */
export interface MediaReaderParts {
  readonly provider: string
  readonly exchange: MediaExchange
  readonly contentType: string
  onBytes(bytes: Uint8Array, contentType: string): void
  onEvent(parsed: ChatChunk): void
  onResponse(text: string, parsed: ChatChunk): void
  onEnd(): void
  onError(error: BrokerError): void
}

/** A base64 picture is one event. */
const MAX_EVENT_BYTES = 64 * 1024 * 1024

/** Reads a response by its content type: JSON and text as a whole, events and sound as the bytes that they are. */
export function createMediaReader(parts: MediaReaderParts): BodyConsumer {
  const type = parts.contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type === 'text/event-stream') return new EventReader(parts)
  if (parts.exchange.expectsSound !== true) return wholeReader(parts, isJson(type))
  return isJson(type) || type === 'text/html' ? refusingReader(parts) : new SoundReader(parts)
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json')
}

/** Some servers label a transcript in JSON as text, and the other way round. */
function wholeReader(parts: MediaReaderParts, isLabelledJson: boolean): BodyConsumer {
  return new BodyReader((text) => {
    const parsed = parseObject(text)
    const failure = parsed === undefined ? undefined : errorInside(parsed)
    if (failure !== undefined) return parts.onError(errorOfObject(parts.provider, failure))
    if (parsed === undefined && isLabelledJson) return parts.onError(unusableMedia(parts, text))
    parts.onResponse(text, parsed ?? ({ text } as ChatChunk))
    return parts.onEnd()
  })
}

/** A 200 with JSON or a page in place of sound. */
function refusingReader(parts: MediaReaderParts): BodyConsumer {
  return new BodyReader((text) => {
    const failure = errorInside(parseObject(text) ?? {})
    parts.onError(failure === undefined ? unusableMedia(parts, text) : errorOfObject(parts.provider, failure))
  })
}

function unusableMedia({ provider, contentType }: MediaReaderParts, text: string): BrokerError {
  return unusable(`${provider} sent something unusable (${contentType || 'no type'})`, provider, text)
}

class SoundReader implements BodyConsumer {
  readonly #parts: MediaReaderParts
  #hasBytes = false

  constructor(parts: MediaReaderParts) {
    this.#parts = parts
  }

  data(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#hasBytes = true
    this.#parts.onBytes(bytes, this.#parts.contentType)
  }

  end(): void {
    if (this.#hasBytes) this.#parts.onEnd()
    else this.#parts.onError(unusableMedia(this.#parts, ''))
  }
}

/**
 * Passes the bytes of events on and looks into each. The bytes before the first complete event are held back, because an
 * error in it may still be answered by another endpoint.
 */
class EventReader implements BodyConsumer {
  readonly #parts: MediaReaderParts
  readonly #splitter: EventSplitter
  #heldBack: Uint8Array[] | undefined = []
  #isComplete = false
  #failure: BrokerError | undefined

  constructor(parts: MediaReaderParts) {
    this.#parts = parts
    this.#splitter = new EventSplitter((payload) => this.#onEvent(payload), MAX_EVENT_BYTES)
  }

  data(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return
    const held = this.#heldBack
    this.#feed(bytes)
    if (this.#failure !== undefined) return this.#parts.onError(this.#failure)
    if (held === undefined) return this.#parts.onBytes(bytes, this.#parts.contentType)
    held.push(Uint8Array.from(bytes))
    if (this.#heldBack === undefined)
      for (const piece of held) this.#parts.onBytes(piece, this.#parts.contentType)
    return undefined
  }

  #feed(bytes: Uint8Array): void {
    try {
      this.#splitter.feed(bytes)
    } catch (error) {
      if (!(error instanceof EventTooLarge)) throw error
      throw new BrokerError('upstream-failed', error.message, { cause: error })
    }
  }

  #onEvent(payload: string): void {
    const event = parseObject(payload)
    if (event === undefined) return
    const type = (event as { type?: unknown }).type
    const error = event.error ?? (typeof type === 'string' && /(^|\.)error$/.test(type) ? event : undefined)
    if (error !== undefined && error !== null) {
      this.#failure = errorOfObject(this.#parts.provider, error)
      return
    }
    this.#heldBack = undefined
    if (this.#parts.exchange.lastEvents.includes(String(type))) this.#isComplete = true
    this.#parts.onEvent(event)
  }

  end(): void {
    if (this.#failure !== undefined) return undefined
    this.#splitter.end()
    if (this.#failure !== undefined) return this.#parts.onError(this.#failure)
    if (this.#isComplete) return this.#parts.onEnd()
    const { provider } = this.#parts
    return this.#parts.onError(
      new BrokerError('upstream-failed', `the stream of ${provider} ended before the response was complete`),
    )
  }
}
