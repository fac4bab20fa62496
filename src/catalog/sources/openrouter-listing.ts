import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { parseUsd, type Money } from '../../base/money.ts'
import type { ModelListing, Price, PriceTier, Rates } from '../catalog.ts'

/** One model as OpenRouter lists it. */
export interface ListedModel {
  readonly listing: ModelListing
  readonly displayName: string
  readonly contextWindow: number | undefined
  readonly maxOutputTokens: number | undefined
  /** `undefined` for routers, whose price is that of the model they choose. */
  readonly price: Price | undefined
}

const form = z.looseObject({
  id: z.string().min(1).max(256),
  name: z.string().nullish(),
  created: z.number().nullish(),
  description: z.string().nullish(),
  context_length: z.number().nullish(),
  architecture: z
    .looseObject({
      input_modalities: z.array(z.string()).nullish(),
      output_modalities: z.array(z.string()).nullish(),
    })
    .nullish(),
  pricing: z.looseObject({ prompt: z.string(), completion: z.string() }),
  top_provider: z.looseObject({ max_completion_tokens: z.number().nullish() }).nullish(),
  supported_parameters: z.array(z.string()).nullish(),
})
type Row = z.infer<typeof form>

/**
 * Parses OpenRouter's `/models`. Throws `upstream-failed` when it is no such list, or implausible: at most half of its rows
 * can be parsed, all prices are 0, or it lost half of the `before` models since the last time.
 */
export function readListing(value: unknown, source: { day: string; before: number }): readonly ListedModel[] {
  const rows = (value as { data?: unknown } | null)?.data
  if (!Array.isArray(rows) || rows.length === 0) throw implausible('it has no list of models')
  const models = rows.flatMap((row: unknown) => {
    const parsed = form.safeParse(row)
    return parsed.success ? [toModel(parsed.data, source.day)] : []
  })
  if (models.length * 2 <= rows.length)
    throw implausible(`only ${models.length} of its ${rows.length} models can be read`)
  if (models.length * 2 <= source.before)
    throw implausible(`it lists ${models.length} models, after ${source.before} the last time`)
  if (models.every(({ price }) => price?.input === undefined || price.input === 0n))
    throw implausible('not one of its models has a price')
  return models
}

function implausible(why: string): BrokerError {
  return new BrokerError('upstream-failed', `OpenRouter's catalogue is refused: ${why}`)
}

function toModel(row: Row, day: string): ListedModel {
  return {
    listing: {
      slug: row.id,
      created: Math.trunc(row.created ?? 0),
      description: row.description ?? '',
      inputs: row.architecture?.input_modalities ?? ['text'],
      outputs: row.architecture?.output_modalities ?? ['text'],
      supportedParameters: row.supported_parameters ?? [],
      row,
    },
    displayName: row.name ?? row.id,
    contextWindow: positive(row.context_length),
    maxOutputTokens: positive(row.top_provider?.max_completion_tokens),
    price: priceOf(row.pricing, day),
  }
}

function positive(value: number | null | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}

/** Converts a price from OpenRouter's wire format; also that of one of its endpoints. */
export function priceOf(pricing: Readonly<Record<string, unknown>>, day: string): Price | undefined {
  const rates = ratesOf(pricing)
  if (rates.input === undefined || rates.output === undefined) return undefined
  return {
    ...rates,
    perRequest: amount(pricing['request'], ''),
    perImage: nonZero(amount(pricing['image'], '')),
    tiers: tiersOf(pricing['overrides'], rates),
    source: 'OpenRouter’s catalogue',
    date: day,
  }
}

function ratesOf(pricing: Readonly<Record<string, unknown>>): Rates {
  const rates = {
    input: perMillion(pricing['prompt']),
    output: perMillion(pricing['completion']),
    cachedInput: perMillion(pricing['input_cache_read']),
    cacheWrite: perMillion(pricing['input_cache_write']),
    reasoning: perMillion(pricing['internal_reasoning']),
    audioInput: perMillion(pricing['audio']),
    audioOutput: perMillion(pricing['audio_output']),
    image: perMillion(pricing['image_token']),
  }
  // In the catalogue a zero here means “no price of its own”, so the default rate applies.
  const named = Object.entries(rates).filter(
    ([name, rate]) => rate !== undefined && (rate > 0n || name === 'input' || name === 'output'),
  )
  return Object.fromEntries(named)
}

/** Only the overrides that depend on the length of the prompt; for those by time of day OpenRouter's reported cost is used. */
function tiersOf(overrides: unknown, base: Rates): readonly PriceTier[] | undefined {
  if (!Array.isArray(overrides)) return undefined
  const tiers = (overrides as readonly Record<string, unknown>[]).flatMap((override): PriceTier[] => {
    const from = override['min_prompt_tokens']
    if (typeof from !== 'number' || from < 1 || override['utc_start'] !== undefined) return []
    return [{ ...base, ...ratesOf(override), aboveInputTokens: from - 1 }]
  })
  return tiers.length === 0 ? undefined : tiers.sort((a, b) => a.aboveInputTokens - b.aboveInputTokens)
}

/** Treats 0 as absent, for most models are listed with `"image": "0"`. */
function nonZero(figure: Money | undefined): Money | undefined {
  return figure === 0n ? undefined : figure
}

function perMillion(perToken: unknown): Money | undefined {
  return amount(perToken, 'e6')
}

/** `undefined` for what is no price: the `"-1"` of a router, or a number beyond any amount of money. */
function amount(text: unknown, scale: '' | 'e6'): Money | undefined {
  if (typeof text !== 'string' || !/^(?:\d+(?:\.\d+)?|\.\d+)$/.test(text)) return undefined
  try {
    return parseUsd(`${text}${scale}`)
  } catch {
    return undefined
  }
}
