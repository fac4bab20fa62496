import { z } from 'zod'

/** A text completion request. Any field of the OpenAI and OpenRouter APIs may be added. */
export interface CompletionRequest {
  readonly model: string
  readonly prompt: string
  readonly [field: string]: unknown
}

/** A request for vectors. Any field of the OpenAI and OpenRouter APIs may be added. */
export interface EmbeddingRequest {
  readonly model: string
  /** A text, a list of texts, a list of tokens or a list of those. */
  readonly input: unknown
  readonly [field: string]: unknown
}

const usage = z.looseObject({
  prompt_tokens: z.number(),
  total_tokens: z.number(),
  cost: z.number().nullish(),
})

/** A completion or a chunk of one: both have the same form. */
export const completion = z.looseObject({
  id: z.string(),
  model: z.string(),
  choices: z.array(z.looseObject({ text: z.string().nullish(), finish_reason: z.string().nullish() })),
  usage: usage.nullish(),
})

export const embeddings = z.looseObject({
  model: z.string(),
  data: z.array(
    z.looseObject({
      index: z.number(),
      /** Numbers, or base64 if `encoding_format` is `base64`. */
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage: usage.nullish(),
})

export const listedModel = z.looseObject({ id: z.string(), owned_by: z.string().optional() })

export const modelList = z.looseObject({ data: z.array(listedModel) })

/** A complete text completion, or a chunk of a streamed one. */
export type Completion = Readonly<z.infer<typeof completion>>

/** One vector per input, in the order of the inputs. */
export type Embeddings = Readonly<z.infer<typeof embeddings>>

/** A model as OpenAI's clients see it, with OpenRouter's fields. */
export type ListedModel = Readonly<z.infer<typeof listedModel>>

export type ModelList = Readonly<z.infer<typeof modelList>>
