import { BrokerError } from '../../base/errors.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { BatchResponseHandler } from './embedding-batches.ts'
import { asBase64, asFloats, type Vector } from '../response/formats/embedding-response.ts'

/** The vectors that were requested, and of which model. */
export interface RequestedVectors {
  readonly dimensions: number
  /** The provider's own name for the model. */
  readonly modelId: string
  /** The model's capabilities in the models file. */
  readonly capabilities: readonly string[]
}

/**
 * Models that were trained so that the beginning of a vector is itself a vector: their makers say to truncate it and to
 * normalize it to length one. Other such models have the capability `matryoshka` in the models file.
 */
const MATRYOSHKA: readonly RegExp[] = [
  /text-embedding-3-(small|large)/, // https://platform.openai.com/docs/guides/embeddings
  /qwen3-embedding|text-embedding-v4/i, // https://github.com/QwenLM/Qwen3-Embedding: “MRL Support: Yes”
  /nomic-embed-text-v1\.5/, // https://huggingface.co/nomic-ai/nomic-embed-text-v1.5
  /embeddinggemma/i, // https://ai.google.dev/gemma/docs/embeddinggemma
]

/**
 * Ensures that vectors have the requested length, since some servers ignore the field. Longer vectors of a model that allows
 * it are truncated and normalized. Any other length is a failure that was billed: vectors of two lengths in one index are
 * worse than none.
 */
export function enforceDimensions(
  requested: RequestedVectors,
  listener: BatchResponseHandler,
): BatchResponseHandler {
  let isRefused = false
  return {
    onChunk: (json, chunk) => listener.onChunk(json, chunk),
    onPart: (part, isWhole) => listener.onPart(part, isWhole),
    onResponse(json, response) {
      const vectors = (response.data ?? []) as readonly Vector[]
      if (vectors.every(({ embedding }) => lengthOf(embedding) === requested.dimensions))
        return listener.onResponse(json, response)
      const shorter = mayTruncate(requested)
        ? vectors.map((vector) => truncated(vector, requested.dimensions))
        : []
      if (shorter.length === 0 || shorter.includes(undefined)) return refuse(response, vectors)
      const right = { ...response, data: shorter }
      return listener.onResponse(JSON.stringify(right), right)
    },
    onEnd() {
      if (!isRefused) listener.onEnd()
    },
    onError: (error) => listener.onError(error),
  }

  function refuse(response: ChatChunk, [first]: readonly Vector[]): void {
    isRefused = true
    listener.onPart({ ...response, data: [] }, true)
    listener.onError(
      new BrokerError(
        'upstream-failed',
        `${requested.modelId} was asked for vectors of ${requested.dimensions} numbers and gave ${lengthOf(first?.embedding) ?? 'none'}; leave “dimensions” out, or use a model that supports it`,
        // The status prevents a retry at the same endpoint, which would only be billed again.
        { details: { status: 200 } },
      ),
    )
  }
}

function mayTruncate({ modelId, capabilities }: RequestedVectors): boolean {
  return capabilities.includes('matryoshka') || MATRYOSHKA.some((name) => name.test(modelId))
}

function lengthOf(embedding: unknown): number | undefined {
  if (typeof embedding === 'string') return Math.floor(Buffer.byteLength(embedding, 'base64') / 4)
  return Array.isArray(embedding) ? embedding.length : undefined
}

/** Truncated and normalized, in its encoding; `undefined` when it is too short. */
function truncated(vector: Vector, dimensions: number): Vector | undefined {
  const floats = asFloats(vector.embedding)
  if (!Array.isArray(floats) || floats.length < dimensions) return undefined
  const beginning = (floats as readonly number[]).slice(0, dimensions)
  const length = Math.sqrt(beginning.reduce((sum, value) => sum + value * value, 0)) || 1
  const unit = beginning.map((value) => value / length)
  return { ...vector, embedding: typeof vector.embedding === 'string' ? asBase64(unit) : unit }
}
