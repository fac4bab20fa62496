import { BrokerError } from '../../../base/errors.ts'
import { hasContent, type ChatChoice, type ChatChunk } from '../../../wire/openai/chat.ts'
import { EventSplitter, EventTooLarge } from '../../../wire/sse.ts'
import { errorOfObject } from '../../errors/upstream-errors.ts'
import type { StreamConsumer, StreamHandler } from '../protocol.ts'
import { ChunkNormalizer, isFinishing } from './chunk-normalizer.ts'
import { ChunkParser } from './chunk-parser.ts'
import { errorInList, errorInside, maxChoices, tooManyChoices } from './response-checks.ts'

const DONE = '[DONE]'
/** The same with other letters or white space. */
const LOOSE_DONE = /^\s*\[done\]\s*$/i
/** Characters of an event that is no JSON, in an error message. */
const MAX_QUOTED = 200

/** What a reader of chunks needs of the handler. */
export type ChunkHandler = Omit<StreamHandler, 'definition' | 'key' | 'request'>

/**
 * Reads a stream of chunks. A stream is complete when every choice that has begun has its finish reason and, unless it ends
 * with `[DONE]`, as many choices as were requested have begun. Any other end of a stream is a failure.
 */
export class StreamReader implements StreamConsumer {
  readonly #handler: ChunkHandler
  readonly #splitter = new EventSplitter((payload, isError) => this.#onEvent(payload, isError))
  readonly #parser = new ChunkParser()
  readonly #normalizer: ChunkNormalizer
  readonly #begun = new Set<number>()
  readonly #finished = new Set<number>()
  #isOver = false
  /** The last event that was skipped, for the error of a stream that ends early: it may be the provider's own words. */
  #unreadable = ''
  /** Events that were not a JSON object and were skipped. */
  skipped = 0

  constructor(handler: ChunkHandler) {
    this.#handler = handler
    this.#normalizer = new ChunkNormalizer((json, chunk) => handler.onChunk(json, chunk))
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

  /** Whether every choice that was requested has its finish reason. */
  get isComplete(): boolean {
    return this.#finished.size >= this.#handler.choices && this.#isFinished()
  }

  /** No more bytes come, or no more are waited for. A last event without its blank line counts when it is whole. */
  end(): void {
    if (!this.#isOver) this.#splitter.end()
    this.#close(this.isComplete)
  }

  #close(isComplete: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#normalizer.end()
    if (isComplete) this.#handler.onEnd()
    else this.#handler.onError(this.#incomplete())
  }

  #onEvent(payload: string, isError = false): void {
    if (this.#isOver) return
    if (payload === DONE) return this.#close(this.#isFinished())
    const chunk = this.#parser.parse(payload)
    if (chunk === undefined) return this.#onUnreadable(payload, isError)
    const error = errorInside(chunk) ?? (isError ? chunk : undefined)
    if (error !== undefined) return this.#fail(errorOfObject(this.#handler.provider, error))
    this.#trackChoices(chunk)
    if (this.#hasTooManyChoices(chunk)) return this.#fail(tooManyChoices(this.#handler.provider))
    if (chunk.error === undefined) this.#normalizer.add(payload, chunk)
    else this.#addWithoutError(chunk)
    if (this.#finished.size >= this.#handler.choices) this.#announceFinish(chunk)
  }

  /** An error that is null or empty is none, and clients need not see it. */
  #addWithoutError({ error: _error, ...chunk }: ChatChunk): void {
    this.#normalizer.add(JSON.stringify(chunk), chunk)
  }

  /**
   * An event that is no object: several events without blank lines between them, a list with an error, or a text. Alone it is
   * no failure; whether the stream is complete is decided at its end.
   */
  #onUnreadable(payload: string, isError: boolean): void {
    if (isError) return this.#fail(errorOfObject(this.#handler.provider, { message: payload }))
    if (LOOSE_DONE.test(payload)) return this.#close(this.#isFinished())
    if (payload.includes('\n')) {
      for (const line of payload.split('\n')) if (line !== '') this.#onEvent(line)
      return
    }
    // Some gateways put the field's name before a line that has it already.
    if (payload.startsWith('data:')) return this.#onEvent(payload.slice(5).trimStart())
    const error = errorInList(payload)
    if (error !== undefined) return this.#fail(errorOfObject(this.#handler.provider, error))
    this.#unreadable = payload.slice(0, MAX_QUOTED)
    this.skipped++
    return undefined
  }

  /**
   * A finish reason beside content may be one of many: some providers send one with every chunk. Then only the end of the
   * stream, or a chunk without content, is taken for the end.
   */
  #announceFinish({ choices }: ChatChunk): void {
    if ((choices ?? []).some(hasContent)) this.#handler.onResumed()
    else this.#handler.onFinished()
  }

  #fail(error: BrokerError): void {
    this.#isOver = true
    this.#normalizer.end()
    this.#handler.onError(error)
  }

  #trackChoices({ choices }: ChatChunk): void {
    if (!Array.isArray(choices)) return
    for (const choice of choices as readonly ChatChoice[]) {
      const index = choice.index ?? 0
      this.#begun.add(index)
      if (isFinishing(choice)) this.#finished.add(index)
    }
  }

  #hasTooManyChoices({ choices }: ChatChunk): boolean {
    return Math.max(this.#begun.size, choices?.length ?? 0) > maxChoices(this.#handler.choices)
  }

  #isFinished(): boolean {
    return this.#begun.size > 0 && this.#finished.size === this.#begun.size
  }

  #incomplete(): BrokerError {
    const words = this.#unreadable === '' ? '' : `, after “${this.#unreadable}”`
    return new BrokerError(
      'upstream-failed',
      `the stream of ${this.#handler.provider} ended before the response was complete${words}`,
    )
  }
}
