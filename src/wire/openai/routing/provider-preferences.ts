import { z } from 'zod'
import { fieldError } from '../field-error.ts'

/** Which providers may serve a request, and which are preferred: OpenRouter's `provider` field. */
export interface ProviderPreferences {
  /** Slugs to try first, in this order. */
  readonly order?: readonly string[] | undefined
  /** Slugs of the allowed providers; all when absent. */
  readonly only?: readonly string[] | undefined
  readonly ignore?: readonly string[] | undefined
  readonly allowFallbacks: boolean
  readonly requireParameters: boolean
  /** Excludes providers that train on prompts. */
  readonly deniesDataCollection: boolean
  /** Excludes providers that retain prompts. */
  readonly zeroDataRetention: boolean
  /** Only models whose authors permit distillation. */
  readonly distillableOnly: boolean
  readonly quantizations?: readonly string[] | undefined
  readonly sort?: ProviderSort | undefined
  /** Sorts the endpoints of all models together instead of model by model. */
  readonly sortsAcrossModels: boolean
  readonly maxPrice?: MaxPrice | undefined
  /** Tokens per second. */
  readonly minThroughput?: Percentiles | undefined
  /** Seconds to the first token. */
  readonly maxLatency?: Percentiles | undefined
}

export type ProviderSort = 'price' | 'throughput' | 'latency' | 'exacto'

/** US dollars as decimal text: per million tokens for `prompt` and `completion`, else per unit. */
export interface MaxPrice {
  readonly prompt?: string | undefined
  readonly completion?: string | undefined
  readonly request?: string | undefined
  /** Audio in the prompt. */
  readonly audio?: string | undefined
  /** Per image in the prompt. */
  readonly image?: string | undefined
}

export interface Percentiles {
  readonly p50?: number | undefined
  readonly p75?: number | undefined
  readonly p90?: number | undefined
  readonly p99?: number | undefined
}

export const NO_PREFERENCES: ProviderPreferences = {
  allowFallbacks: true,
  requireParameters: false,
  deniesDataCollection: false,
  zeroDataRetention: false,
  distillableOnly: false,
  sortsAcrossModels: false,
}

const slugs = z.array(z.string().min(1).max(128)).max(64).nullish()
const sortBy = z.enum(['price', 'throughput', 'latency', 'exacto'])
/** OpenRouter's specification says strings, its examples are numbers. */
const usd = z
  .union([
    z.number().min(0),
    z
      .string()
      .max(64)
      .regex(/^(?:\d+(?:\.\d+)?|\.\d+)(?:e-?\d+)?$/i, 'should be dollars, such as 0.5'),
  ])
  .nullish()
const percentile = z.number().min(0).nullish()
const percentiles = z
  .union([
    z.number().min(0),
    z.looseObject({ p50: percentile, p75: percentile, p90: percentile, p99: percentile }),
  ])
  .nullish()

const form = z.looseObject({
  order: slugs,
  only: slugs,
  ignore: slugs,
  allow_fallbacks: z.boolean().nullish(),
  require_parameters: z.boolean().nullish(),
  data_collection: z.enum(['allow', 'deny']).nullish(),
  zdr: z.boolean().nullish(),
  enforce_distillable_text: z.boolean().nullish(),
  quantizations: z.array(z.string()).nullish(),
  sort: z
    .union([sortBy, z.looseObject({ by: sortBy.nullish(), partition: z.enum(['model', 'none']).nullish() })])
    .nullish(),
  max_price: z.looseObject({ prompt: usd, completion: usd, request: usd, image: usd, audio: usd }).nullish(),
  preferred_min_throughput: percentiles,
  preferred_max_latency: percentiles,
})

/** Reads the `provider` field. Throws `bad-request` naming the field within it. */
export function parsePreferences(value: unknown): ProviderPreferences {
  if (value === undefined || value === null) return NO_PREFERENCES
  const parsed = form.safeParse(value)
  if (!parsed.success) throw fieldError(form, value, ['provider'])
  const given = parsed.data
  const sort = typeof given.sort === 'string' ? { by: given.sort, partition: undefined } : given.sort
  return {
    order: slugList(given.order),
    only: slugList(given.only),
    ignore: slugList(given.ignore),
    allowFallbacks: given.allow_fallbacks ?? true,
    requireParameters: given.require_parameters ?? false,
    deniesDataCollection: given.data_collection === 'deny',
    zeroDataRetention: given.zdr ?? false,
    distillableOnly: given.enforce_distillable_text ?? false,
    quantizations: given.quantizations ?? undefined,
    sort: sort?.by ?? undefined,
    sortsAcrossModels: sort?.partition === 'none',
    maxPrice: maxPriceOf(given.max_price),
    minThroughput: percentilesOf(given.preferred_min_throughput),
    maxLatency: percentilesOf(given.preferred_max_latency),
  }
}

/** An empty list counts as absent. */
function slugList(list: readonly string[] | null | undefined): readonly string[] | undefined {
  return list === null || list === undefined || list.length === 0
    ? undefined
    : list.map((slug) => slug.toLowerCase())
}

function maxPriceOf(given: z.infer<typeof form>['max_price']): MaxPrice | undefined {
  if (given === null || given === undefined) return undefined
  const text = (value: number | string | null | undefined) =>
    value === null || value === undefined ? undefined : String(value)
  const { prompt, completion, request, audio, image } = given
  return {
    prompt: text(prompt),
    completion: text(completion),
    request: text(request),
    audio: text(audio),
    image: text(image),
  }
}

/** A bare number means the median. */
function percentilesOf(given: z.infer<typeof percentiles>): Percentiles | undefined {
  if (given === null || given === undefined) return undefined
  if (typeof given === 'number') return { p50: given }
  const { p50, p75, p90, p99 } = given
  return { p50: p50 ?? undefined, p75: p75 ?? undefined, p90: p90 ?? undefined, p99: p99 ?? undefined }
}
