import { isObject } from '../../../wire/json/json-body.ts'
import { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'

/**
 * OpenAI's embeddings as a request of `batchEmbedContents` (https://ai.google.dev/api/embeddings, unread), one request for each
 * text. Throws `not-carried` for inputs that are lists of tokens or have parts other than text.
 */
export function writeEmbeddings({ input, dimensions }: Fields, modelId: string): Fields {
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input]
  const carried = new CarriedFields('gemini')
  if (inputs.some((text) => typeof text !== 'string')) carried.note('refused', 'input')
  carried.throwIfRefused()
  const length = typeof dimensions === 'number' ? { outputDimensionality: dimensions } : {}
  return {
    requests: inputs.map((text) => ({
      model: `models/${modelId}`,
      content: { parts: [{ text }] },
      ...length,
    })),
  }
}

/**
 * The response of `batchEmbedContents` as OpenAI's embeddings; `undefined` when a vector is missing. Without a count of the
 * tokens there is no usage, so that the cost is bounded rather than exact.
 *
 * @param count how many texts were sent
 */
export function readEmbeddings({ embeddings, usageMetadata }: Fields, count: number): Fields | undefined {
  const all: readonly unknown[] = Array.isArray(embeddings) ? embeddings : []
  const vectors = all.map((one) => (isObject(one) ? one['values'] : undefined))
  if (vectors.length !== count || !vectors.every(Array.isArray)) return undefined
  const tokens = isObject(usageMetadata) ? usageMetadata['promptTokenCount'] : undefined
  return {
    object: 'list',
    data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    ...(typeof tokens === 'number' ? { usage: { prompt_tokens: tokens, total_tokens: tokens } } : {}),
  }
}
