import type { BrokerError } from '../../base/errors.ts'
import type { AnswerListener, Asking, Provider, Question } from '../../providers/provider.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import { inPieces } from '../../wire/openai/embedding.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import { isEstimate } from '../usage/usage-meter.ts'

/** Handles a response that may come in several parts. */
export interface BatchListener extends AnswerListener {
  /** A part of the response has arrived and will be billed, whatever happens to the rest. */
  part(response: ChatChunk): void
}

/** Requests embeddings in batches, one after the other, where the provider has a maximum of inputs per request. */
export function inBatches(provider: Provider, question: Question, listener: BatchListener): Asking {
  const pieces = inPieces(question.body, provider.mostInputs ?? Number.POSITIVE_INFINITY)
  return pieces.length === 1
    ? provider.ask(question, listener)
    : new Batches(provider, question, pieces, listener)
}

interface Sum {
  readonly data: unknown[]
  promptTokens: number
  isReported: boolean
}

class Batches implements Asking {
  readonly #provider: Provider
  readonly #question: Question
  readonly #pieces: readonly JsonBody[]
  readonly #listener: BatchListener
  readonly #sum: Sum = { data: [], promptTokens: 0, isReported: true }
  #asking: Asking | undefined
  #isOver = false

  constructor(provider: Provider, question: Question, pieces: readonly JsonBody[], listener: BatchListener) {
    this.#provider = provider
    this.#question = question
    this.#pieces = pieces
    this.#listener = listener
    this.#ask(0)
  }

  abort(): void {
    this.#isOver = true
    this.#asking?.abort()
  }

  pause(): void {
    this.#asking?.pause()
  }

  resume(): void {
    this.#asking?.resume()
  }

  #ask(nth: number): void {
    const body = this.#pieces[nth]
    if (this.#isOver) return
    if (body === undefined) return this.#tell()
    this.#asking = this.#provider.ask(
      { ...this.#question, body },
      {
        chunk: () => undefined,
        answer: (_json, response) => this.#take(response),
        end: () => this.#ask(nth + 1),
        fail: (error: BrokerError) => this.#listener.fail(error),
      },
    )
  }

  #take(response: ChatChunk): void {
    const from = this.#sum.data.length
    const vectors = (Array.isArray(response.data) ? response.data : []) as readonly { index?: number }[]
    for (const [at, vector] of vectors.entries())
      this.#sum.data.push({ ...vector, index: from + (vector.index ?? at) })
    const tokens = (response.usage as { prompt_tokens?: unknown } | null | undefined)?.prompt_tokens
    if (typeof tokens === 'number' && !isEstimate(response)) this.#sum.promptTokens += tokens
    else this.#sum.isReported = false
    this.#listener.part(this.#whole([]))
  }

  #tell(): void {
    const response = this.#whole(this.#sum.data)
    this.#listener.answer(JSON.stringify(response), response)
    this.#listener.end()
  }

  #whole(data: readonly unknown[]): ChatChunk {
    const { promptTokens, isReported } = this.#sum
    return isReported
      ? { data, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } }
      : { data }
  }
}
