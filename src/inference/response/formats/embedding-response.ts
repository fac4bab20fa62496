import { usdNumber } from '../../../base/money.ts'
import type { ResponseInfo, ResponseFormatter } from '../response-formatter.ts'

/** One vector of an embedding: an array of numbers or a base64 text. */
export interface Vector {
  readonly index?: number | undefined
  readonly embedding?: unknown
}

/** Formats embeddings as OpenRouter does, in the requested encoding, whichever one the provider used. */
export function embeddingFormatter(encoding: 'float' | 'base64'): (info: ResponseInfo) => ResponseFormatter {
  return (info) => ({
    formatResponse(_json, response) {
      const vectors = Array.isArray(response.data) ? (response.data as readonly Vector[]) : []
      const data = inOrder(vectors).map(({ embedding }, index) => ({
        object: 'embedding',
        index,
        embedding: encoding === 'float' ? asFloats(embedding) : asBase64(embedding),
      }))
      return JSON.stringify({
        object: 'list',
        id: info.id,
        provider: info.provider,
        model: info.model,
        data,
        ...usageOf(info),
        openrouter_metadata: info.metadata(),
        x_aibroker: info.envelope(),
      })
    },
    formatChunk: () => undefined,
    finalChunk: () => undefined,
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

function usageOf(info: ResponseInfo): object {
  const counts = info.usage()
  if (counts === undefined) return {}
  const cost = info.cost()
  return {
    usage: {
      prompt_tokens: counts.prompt,
      total_tokens: counts.prompt,
      ...(cost === undefined ? {} : { cost: usdNumber(cost) }),
      is_byok: false,
    },
  }
}
