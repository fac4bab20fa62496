import { z } from 'zod'
import { fieldError } from './field-error.ts'
import { jsonBodyOf, type JsonBody } from '../json/json-body.ts'
import { spliceFields } from '../json/splice-fields.ts'
import { parseRoutingPreferences, type RoutingPreferences } from './routing/routing-preferences.ts'

const tokens = z.array(z.int().min(0)).min(1)
const form = z.looseObject({
  input: z.union(
    [
      z.string().min(1),
      z.array(z.string().min(1)).min(1),
      tokens,
      z.array(tokens).min(1),
      z.array(z.looseObject({ content: z.array(z.unknown()) })).min(1),
    ],
    'should be a text, a list of texts, a list of tokens or a list of those; none of them empty',
  ),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
})

/** An embedding request: the fields that we interpret, and the complete body. */
export interface EmbeddingRequest {
  readonly body: JsonBody
  readonly routing: RoutingPreferences
  readonly encoding: 'float' | 'base64'
  /** The requested length of each vector. */
  readonly dimensions: number | undefined
}

/** Reads an embedding request. Throws `bad-request` naming the field. */
export function parseEmbeddingRequest(body: JsonBody): EmbeddingRequest {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldError(form, body.value)
  const { encoding_format, dimensions } = parsed.data
  return {
    body,
    routing: parseRoutingPreferences(body, undefined),
    encoding: encoding_format ?? 'float',
    dimensions: dimensions ?? undefined,
  }
}

/** Splits a body into bodies of at most `maxInputs` inputs, in order; one token list is one input. */
export function splitInputs(body: JsonBody, maxInputs: number): readonly JsonBody[] {
  const { input } = body.value
  if (!Array.isArray(input) || typeof input[0] === 'number' || input.length <= maxInputs) return [body]
  const pieces: JsonBody[] = []
  for (let from = 0; from < input.length; from += maxInputs) {
    const piece = JSON.stringify(input.slice(from, from + maxInputs))
    pieces.push(jsonBodyOf(spliceFields(body, new Map([['input', piece]]))))
  }
  return pieces
}
