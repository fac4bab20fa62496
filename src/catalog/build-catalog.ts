import { createHash } from 'node:crypto'

import { money } from '../base/money.ts'
import type { Money } from '../base/money.ts'
import type { Catalog, Endpoint, Model, ModelKind, Price, PriceTier, Rates } from './catalog.ts'
import type { BackendRow, ModelRow, RatesRow } from './models-file/model-rows.ts'

/** Builds a frozen catalog from parsed rows. Its version depends on the content of the rows, not on their order in the file. */
export function buildCatalog(rows: ReadonlyMap<string, ModelRow>): Catalog {
  const models = [...rows].map(([id, row]) => toModel(id, row)).sort((a, b) => compare(a.id, b.id))
  return Object.freeze({
    version: contentHash(models),
    models: new Map(models.map((model) => [model.id, model])),
    endpoints: byEndpointId(models),
  })
}

function toModel(id: string, row: ModelRow): Model {
  const capabilities = Object.freeze([...(row.capabilities ?? [])])
  const endpoints = row.backends.map((backend, index) => toEndpoint(id, row, backend, index))
  return Object.freeze({
    id,
    displayName: row.display_name ?? id,
    kind: row.kind ?? kindFrom(capabilities),
    tier: row.tier ?? 'standard',
    capabilities,
    contextWindow: row.context_window,
    maxOutputTokens: row.max_output_tokens,
    endpoints: Object.freeze(endpoints.sort((a, b) => a.priority - b.priority || compare(a.id, b.id))),
  })
}

/** The default priority of a backend is its position in the list. */
function toEndpoint(model: string, row: ModelRow, backend: BackendRow, index: number): Endpoint {
  return Object.freeze({
    id: `${backend.provider}/${backend.model_id}`,
    provider: backend.provider,
    modelId: backend.model_id,
    model,
    priority: backend.priority ?? index + 1,
    contextWindow: backend.context_window ?? row.context_window,
    maxOutputTokens: backend.max_output_tokens ?? row.max_output_tokens,
    price: toPrice(backend),
    ...(row.hedge === undefined ? {} : { mayHedge: row.hedge }),
  })
}

const KIND_WORDS: readonly (readonly [ModelKind, RegExp])[] = [
  ['embedding', /^embeddings?$/],
  ['speech', /^(tts|speech|text_to_speech)$/],
  ['transcription', /^(stt|transcriptions?|speech_to_text)$/],
  ['rerank', /^rerank(er|ing)?$/],
  ['moderation', /^moderations?$/],
  ['image', /^(image_generation|text_to_image)$/],
]

/** The kind of a model whose row does not state one. The first word that matches decides; without a match it is a chat model. */
function kindFrom(capabilities: readonly string[]): ModelKind {
  const found = KIND_WORDS.find(([, words]) =>
    capabilities.some((word) => words.test(word.replaceAll('-', '_'))),
  )
  return found?.[0] ?? 'chat'
}

/** `undefined` when the row has no price field at all: unknown is not free. */
function toPrice(row: BackendRow): Price | undefined {
  const rates = toRates(row)
  const perHour = row.hour_cost ?? times(row.minute_cost, 60n)
  const flat = {
    perRequest: row.request_cost,
    perImage: row.each_image_cost,
    characters: row.character_cost,
    hours: times(perHour, 1_000_000n),
    ...(row.search_unit_cost === undefined ? {} : { perSearchUnit: row.search_unit_cost }),
    ...(row.made_image_costs === undefined
      ? {}
      : { madeImages: row.made_image_costs.map(({ each_cost: cost, ...of }) => ({ ...of, cost })) }),
  }
  const isKnown = [...Object.values(rates), ...Object.values(flat)].some((figure) => figure !== undefined)
  if (!isKnown) return undefined
  return Object.freeze({
    ...rates,
    ...flat,
    minimumSeconds: row.minimum_seconds,
    ...(row.second_rounding === undefined ? {} : { secondRounding: row.second_rounding }),
    tiers: row.tiers === undefined ? undefined : Object.freeze(row.tiers.map((tier) => toTier(tier, rates))),
    source: row.price_source,
    date: row.price_date,
    note: row.price_note,
  })
}

/** A rate that the tier doesn't set stays the base rate. */
function toTier(row: RatesRow & { readonly above_input_tokens: number }, base: Rates): PriceTier {
  const named = Object.entries(toRates(row)).filter(([, rate]) => rate !== undefined)
  return Object.freeze({ ...base, ...Object.fromEntries(named), aboveInputTokens: row.above_input_tokens })
}

function toRates(row: RatesRow): Rates {
  return {
    input: row.input_cost,
    output: row.output_cost,
    cachedInput: row.cached_input_cost,
    cacheWrite: row.cache_write_cost,
    cacheWrite1h: row.cache_write_1h_cost,
    reasoning: row.reasoning_cost,
    audioInput: row.audio_input_cost,
    audioOutput: row.audio_output_cost,
    image: row.image_cost,
  }
}

function times(amount: Money | undefined, factor: bigint): Money | undefined {
  return amount === undefined ? undefined : money(amount * factor)
}

function byEndpointId(models: readonly Model[]): ReadonlyMap<string, Endpoint> {
  const found = new Map<string, Endpoint>()
  for (const endpoint of models.flatMap((model) => model.endpoints)) {
    const other = found.get(endpoint.id)
    if (other === undefined || endpoint.priority < other.priority) found.set(endpoint.id, endpoint)
  }
  return found
}

function contentHash(models: readonly Model[]): string {
  return createHash('sha256').update(JSON.stringify(models, canonical)).digest('hex').slice(0, 12)
}

function canonical(key: string, value: unknown): unknown {
  if (key === 'capabilities' && Array.isArray(value)) return value.map(String).sort(compare)
  return typeof value === 'bigint' ? `${value}n` : value
}

function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
