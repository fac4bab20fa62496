import { BrokerError } from '../../base/errors.ts'
import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'
import { EventSplitter, EventTooLarge } from '../../wire/sse.ts'
import type { AnswerListener } from '../provider.ts'
import { errorOfObject } from '../errors/upstream-errors.ts'
import type { AnswerReader } from '../transport/body-reader.ts'
import { ChunkPattern } from './chunk-parser.ts'

const DONE = '[DONE]'

export interface StreamListener extends Pick<AnswerListener, 'chunk' | 'end' | 'fail'> {
  readonly provider: string
  /** How many choices were asked for. */
  readonly choices: number
  /** Every choice has finished; usage and an end mark may still come. */
  finishedSpeaking(): void
}

/**
 * Reads a stream of chunks. A stream is whole when every choice that it began has its finish reason, and, unless it says
 * `[DONE]`, as many choices as were asked for; whatever else it says at its end, without that it has failed.
 */
export class StreamReader implements AnswerReader {
  readonly #listener: StreamListener
  readonly #splitter = new EventSplitter((payload) => this.#event(payload))
  readonly #pattern = new ChunkPattern()
  readonly #begun = new Set<number>()
  readonly #finished = new Set<number>()
  #isOver = false
  /** Events that were no JSON object. */
  skipped = 0

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

  /** The bytes are over, or nothing more is waited for. */
  end(): void {
    this.#close(this.#finished.size >= this.#listener.choices && this.#isFinished())
  }

  #close(isWhole: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    if (isWhole) this.#listener.end()
    else this.#listener.fail(this.#cutShort())
  }

  #event(payload: string): void {
    if (this.#isOver) return
    if (payload === DONE) return this.#close(this.#isFinished())
    const chunk = this.#pattern.parse(payload)
    // An event that is no JSON says nothing; whether the stream is whole is decided at its end.
    if (chunk === undefined) {
      this.skipped++
      return
    }
    const error = errorInside(chunk)
    if (error !== undefined) return this.#break(errorOfObject(this.#listener.provider, error))
    this.#follow(chunk)
    if (this.#hasTooMany(chunk)) return this.#break(tooManyChoices(this.#listener.provider))
    this.#listener.chunk(payload, chunk)
    if (this.#finished.size >= this.#listener.choices) this.#listener.finishedSpeaking()
  }

  #break(error: BrokerError): void {
    this.#isOver = true
    this.#listener.fail(error)
  }

  #follow({ choices }: ChatChunk): void {
    if (!Array.isArray(choices)) return
    for (const choice of choices as readonly ChatChoice[]) {
      const index = choice.index ?? 0
      this.#begun.add(index)
      if (typeof choice.finish_reason === 'string') this.#finished.add(index)
    }
  }

  #hasTooMany({ choices }: ChatChunk): boolean {
    return Math.max(this.#begun.size, choices?.length ?? 0) > mostChoices(this.#listener.choices)
  }

  #isFinished(): boolean {
    return this.#begun.size > 0 && this.#finished.size === this.#begun.size
  }

  #cutShort(): BrokerError {
    return new BrokerError(
      'upstream-failed',
      `the stream of ${this.#listener.provider} ended before the answer was finished`,
    )
  }
}

/** OpenAI's most; whoever asks for more by many prompts gets as many. */
const MOST_CHOICES = 128

/** How many choices an answer may have to a question that asked for `asked`: some providers count on beyond it. */
export function mostChoices(asked: number): number {
  return Math.max(MOST_CHOICES, asked)
}

export function tooManyChoices(provider: string): BrokerError {
  return new BrokerError('upstream-failed', `${provider} gave many more choices than were asked for`)
}

/** What a chunk or an answer says of a failure; providers put it in different places of their 200. */
export function errorInside(answer: ChatChunk): unknown {
  if (answer.error !== undefined && answer.error !== null) return answer.error
  // vLLM's older shape.
  if (answer.object === 'error') return answer
  if (!Array.isArray(answer.choices)) return undefined
  const broken = (answer.choices as readonly (ChatChoice | null)[]).find(
    (choice) => choice?.finish_reason === 'error' || (choice?.error ?? null) !== null,
  )
  return broken === undefined || broken === null
    ? undefined
    : (broken.error ?? { message: 'the provider ended its answer with the finish reason “error”' })
}
