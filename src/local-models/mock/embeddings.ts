import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { readBehaviour } from './directives.ts'
import { readJson, sendJson, type Exchange } from './exchange.ts'
import { modelFor, parse, refuse } from './parse-request.ts'
import { countTokens, tokensOf } from './tokens.ts'

const tokenIds = z.array(z.int())
const embeddingRequest = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1), tokenIds.min(1), z.array(tokenIds).min(1)]),
  dimensions: z.int().min(1).max(4096).nullish(),
  encoding_format: z.enum(['float', 'base64']).nullish(),
})

const DEFAULT_DIMENSIONS = 64

/** `POST /v1/embeddings`: one vector per input, in the order of the inputs. */
export async function embeddings(exchange: Exchange): Promise<void> {
  const request = parse(embeddingRequest, await readJson(exchange))
  const model = modelFor(request.model, 'embedding')
  const inputs = textsOf(request.input)
  const [, behaviour] = readBehaviour(inputs.at(-1) ?? '', model.directives)
  if (await refuse(exchange, behaviour)) return
  const encode = request.encoding_format === 'base64' ? base64 : Array.from
  const data = inputs.map((text, index) => {
    if (text === '') throw new BrokerError('bad-request', `input.${index}: an empty text has no direction`)
    return {
      object: 'embedding',
      index,
      embedding: encode(embed(text, request.dimensions ?? DEFAULT_DIMENSIONS)),
    }
  })
  const tokens = inputs.reduce((sum, text) => sum + countTokens(text), 0)
  const usage = { prompt_tokens: tokens, total_tokens: tokens }
  sendJson(exchange, {
    object: 'list',
    model: request.model,
    data,
    ...(behaviour.reportsUsage ? { usage } : {}),
  })
}

/**
 * A unit vector from hashed words: each token adds ±1 at the index that its hash selects, so the same text always gives
 * the same vector, and texts that share words are close to each other. The values are exact 32-bit floats.
 */
export function embed(text: string, dimensions: number): Float32Array {
  const sums = new Float64Array(dimensions)
  for (const token of tokensOf(text)) {
    const hash = fnv1a(token.trim().toLowerCase())
    const place = (hash >>> 1) % dimensions
    sums[place] = (sums[place] ?? 0) + (hash & 1 ? 1 : -1)
  }
  // Words may cancel each other out, but a unit vector needs a direction.
  if (sums.every((sum) => sum === 0)) sums[0] = 1
  const length = Math.hypot(...sums)
  return Float32Array.from(sums, (sum) => sum / length)
}

function textsOf(input: z.infer<typeof embeddingRequest>['input']): string[] {
  if (typeof input === 'string') return [input]
  if (input.every((item) => typeof item === 'number')) return [input.join(' ')]
  return input.map((item) => (typeof item === 'object' ? item.join(' ') : item))
}

function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer).toString('base64')
}

/** http://www.isthe.com/chongo/tech/comp/fnv/, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
