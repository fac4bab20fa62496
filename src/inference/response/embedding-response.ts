import { dollarsNumber } from '../../base/money.ts'
import type { AnswerFacts, Completer } from './response-formatter.ts'

/** One vector of an embedding: an array of numbers or a base64 text. */
export interface Vector {
  readonly index?: number | undefined
  readonly embedding?: unknown
}

/** Formats embeddings as OpenRouter does, in the requested encoding, whichever one the provider used. */
export function embeddingCompleter(encoding: 'float' | 'base64'): (facts: AnswerFacts) => Completer {
  return (facts) => ({
    answer(_json, response) {
      const vectors = Array.isArray(response.data) ? (response.data as readonly Vector[]) : []
      const data = inOrder(vectors).map(({ embedding }, index) => ({
        object: 'embedding',
        index,
        embedding: encoding === 'float' ? asFloats(embedding) : asBase64(embedding),
      }))
      return JSON.stringify({
        object: 'list',
        id: facts.id,
        provider: facts.provider,
        model: facts.model,
        data,
        ...usageOf(facts),
        openrouter_metadata: facts.metadata(),
        x_aibroker: facts.envelope(),
      })
    },
    chunk: () => undefined,
    last: () => undefined,
  })
}

function inOrder(vectors: readonly Vector[]): readonly Vector[] {
  return [...vectors].sort((a, b) => (a.index ?? 0) - (b.index ?? 0))
}

/** In embeddings, base64 stands for little-endian 32-bit floats. Anything but a base64 text is returned as it is. */
export function asFloats(embedding: unknown): unknown {
  if (typeof embedding !== 'string') return embedding
  const bytes = Buffer.from(embedding, 'base64')
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => bytes.readFloatLE(at * 4))
}

/** The reverse of `asFloats`. Anything but an array is returned as it is. */
export function asBase64(embedding: unknown): unknown {
  if (!Array.isArray(embedding)) return embedding
  const bytes = Buffer.alloc(embedding.length * 4)
  for (const [at, value] of embedding.entries()) bytes.writeFloatLE(Number(value), at * 4)
  return bytes.toString('base64')
}

function usageOf(facts: AnswerFacts): object {
  const counts = facts.usage()
  if (counts === undefined) return {}
  const cost = facts.cost()
  return {
    usage: {
      prompt_tokens: counts.prompt,
      total_tokens: counts.prompt,
      ...(cost === undefined ? {} : { cost: dollarsNumber(cost) }),
      is_byok: false,
    },
  }
}
