import type { BrokerError } from '../../base/errors.ts'
import { isUnbilled } from '../../providers/errors/unbilled.ts'
import type { ResponseHandler, ProviderCall, Provider, ProviderRequest } from '../../providers/provider.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import { splitInputs } from '../../wire/openai/embedding.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import { isEstimate } from '../usage/usage-meter.ts'

/** Handles a response that may come in several parts. */
export interface BatchResponseHandler extends ResponseHandler {
  /**
   * A part of the response has arrived and will be billed, whatever happens to the rest. After the whole of it, nothing more
   * can be.
   */
  onPart(response: ChatChunk, isWhole?: boolean): void
}

/** Requests embeddings in batches, one after the other, where the provider has a maximum of inputs per request. */
export function sendInBatches(
  provider: Provider,
  call: ProviderRequest,
  listener: BatchResponseHandler,
): ProviderCall {
  const pieces = splitInputs(call.body, provider.maxInputs ?? Number.POSITIVE_INFINITY)
  return pieces.length === 1 ? provider.send(call, listener) : new Batches(provider, call, pieces, listener)
}

interface Sum {
  readonly data: unknown[]
  promptTokens: number
  isReported: boolean
}

class Batches implements ProviderCall {
  readonly #provider: Provider
  readonly #call: ProviderRequest
  readonly #pieces: readonly JsonBody[]
  readonly #listener: BatchResponseHandler
  readonly #sum: Sum = { data: [], promptTokens: 0, isReported: true }
  #current: ProviderCall | undefined
  #isOver = false

  constructor(
    provider: Provider,
    call: ProviderRequest,
    pieces: readonly JsonBody[],
    listener: BatchResponseHandler,
  ) {
    this.#provider = provider
    this.#call = call
    this.#pieces = pieces
    this.#listener = listener
    this.#send(0)
  }

  get wasSent(): boolean {
    return this.#sum.data.length > 0 || this.#current?.wasSent === true
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#current?.abort()
  }

  pause(): void {
    this.#current?.pause()
  }

  resume(): void {
    this.#current?.resume()
  }

  #send(nth: number): void {
    const body = this.#pieces[nth]
    if (this.#isOver) return
    if (body === undefined) {
      this.#isOver = true
      return this.#respond()
    }
    this.#current = this.#provider.send(
      { ...this.#call, body },
      {
        onChunk: () => undefined,
        onResponse: (_json, response) => this.#take(response),
        onEnd: () => this.#send(nth + 1),
        onError: (error: BrokerError) => this.#fail(error),
      },
    )
  }

  #fail(error: BrokerError): void {
    this.#isOver = true
    if (!isUnbilled(error)) this.#mayOwePiece()
    this.#listener.onError(error)
  }

  /** The provider may bill a piece without having responded to it: then the counts of the pieces before are not all. */
  #mayOwePiece(): void {
    if (this.#sum.data.length > 0) this.#listener.onPart({ data: [] })
  }

  #take(response: ChatChunk): void {
    const from = this.#sum.data.length
    const vectors = (Array.isArray(response.data) ? response.data : []) as readonly { index?: number }[]
    for (const [at, vector] of vectors.entries())
      this.#sum.data.push({ ...vector, index: from + (vector.index ?? at) })
    const { usage } = response as { usage?: { prompt_tokens?: unknown; total_tokens?: unknown } | null }
    // Voyage reports a total only (https://docs.voyageai.com/reference/embeddings-api, unread).
    const tokens = usage?.prompt_tokens ?? usage?.total_tokens
    if (typeof tokens === 'number' && !isEstimate(response)) this.#sum.promptTokens += tokens
    else this.#sum.isReported = false
    this.#listener.onPart(this.#response([]))
  }

  #respond(): void {
    const response = this.#response(this.#sum.data)
    this.#listener.onResponse(JSON.stringify(response), response)
    this.#listener.onEnd()
  }

  #response(data: readonly unknown[]): ChatChunk {
    const { promptTokens, isReported } = this.#sum
    return isReported
      ? { data, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } }
      : { data }
  }
}
