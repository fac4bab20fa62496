import { z } from 'zod'
import type { Price } from '../catalog.ts'
import { priceOf } from './openrouter-listing.ts'

/** One of the endpoints from which OpenRouter chooses for a model. */
export interface RouterEndpoint {
  /** Its name in `provider.only` and similar lists: `deepinfra/fp8`. */
  readonly tag: string
  readonly quantization: string
  readonly price: Price | undefined
  readonly maxOutputTokens: number | undefined
  readonly supportedParameters: readonly string[]
}

const form = z.looseObject({
  tag: z.string().min(1),
  quantization: z.string().nullish(),
  pricing: z.looseObject({}).nullish(),
  max_completion_tokens: z.number().nullish(),
  supported_parameters: z.array(z.string()).nullish(),
})

/**
 * Parses the rows of `/models/{author}/{slug}/endpoints`. `undefined` when one of them can't be parsed: with an incomplete
 * list a request could be refused that one of the missing endpoints supports.
 */
export function readRouterEndpoints(
  rows: readonly object[],
  day: string,
): readonly RouterEndpoint[] | undefined {
  const read = z.array(form).min(1).safeParse(rows)
  return read.success ? read.data.map((row) => toEndpoint(row, day)) : undefined
}

function toEndpoint(row: z.infer<typeof form>, day: string): RouterEndpoint {
  return {
    tag: row.tag.toLowerCase(),
    quantization: row.quantization ?? 'unknown',
    price: priceOf(row.pricing ?? {}, day),
    maxOutputTokens: row.max_completion_tokens ?? undefined,
    supportedParameters: row.supported_parameters ?? [],
  }
}
