import { isObject, jsonBodyOf, type JsonBody } from '../../../wire/json/json-body.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { camelNames, camelObject } from '../camel-names.ts'
import { invalid } from './invalid.ts'
import { partsOf } from './request/parts-in.ts'

/** A request of `embedContent` or `batchEmbedContents` as one for OpenAI's embeddings. Throws `bad-request`. */
export function readEmbedding(
  body: JsonBody,
  { model, method }: { readonly model: string; readonly method: string },
): JsonBody {
  const value = camelNames(body.value)
  const requests = method === 'embedContent' ? [value] : value['requests']
  if (!Array.isArray(requests) || requests.length === 0)
    throw invalid('requests', 'at least one request is required')
  const inputs = requests.map((request: unknown, at) => textOf(camelObject(request), `requests[${at}]`))
  const { outputDimensionality: dimensions } = camelObject(requests[0])
  return jsonBodyOf(
    JSON.stringify({
      model,
      input: inputs,
      encoding_format: 'float',
      ...(dimensions === undefined ? {} : { dimensions }),
    }),
  )
}

function textOf({ content }: Fields, path: string): string {
  const texts = partsOf(content, `${path}.content`).map(({ text }) => {
    if (typeof text === 'string') return text
    throw invalid(`${path}.content.parts`, 'only texts can be embedded')
  })
  const whole = texts.join('\n')
  if (whole === '') throw invalid(`${path}.content`, 'a text is required')
  return whole
}

/** OpenAI's embeddings as the response of the method. */
export function embeddingsOut(response: Fields, method: string): Fields {
  const data: readonly unknown[] = Array.isArray(response['data']) ? response['data'] : []
  const embeddings = data.filter(isObject).map(({ embedding }) => ({ values: embedding }))
  const { usage, x_aibroker: envelope } = response
  return {
    ...(method === 'embedContent' ? { embedding: embeddings[0] } : { embeddings }),
    ...(isObject(usage) ? { usageMetadata: { promptTokenCount: usage['prompt_tokens'] } } : {}),
    ...(envelope === undefined ? {} : { x_aibroker: envelope }),
  }
}
