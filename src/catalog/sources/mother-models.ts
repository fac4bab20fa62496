import { z } from 'zod'
import { MODEL_KINDS } from '../../base/model-kinds.ts'
import { money } from '../../base/money.ts'
import type { Catalog, Endpoint, Model, ModelKind, Price, PriceTier } from '../catalog.ts'
import { priceOf } from './openrouter-listing.ts'

/** The list of models that a mother offers, and where her endpoints are placed among others. */
export interface MotherListing {
  readonly provider: string
  readonly priority: number
  /** Her `GET /models`, as received. */
  readonly list: unknown
}

/** A model that goes round in a circle of brokers gets further away with each round, and is dropped here. */
const MAX_HOPS = 8

const nanoText = z.string().regex(/^\d{1,30}$/)
const tierForm = z.looseObject({ above_input_tokens: z.number().int().positive() })

const form = z.looseObject({
  id: z.string().min(1).max(256),
  name: z.string().nullish(),
  context_length: z.number().nullish(),
  architecture: z.looseObject({ output_modalities: z.array(z.string()).nullish() }).nullish(),
  pricing: z.record(z.string(), z.unknown()).nullish(),
  top_provider: z
    .looseObject({ context_length: z.number().nullish(), max_completion_tokens: z.number().nullish() })
    .nullish(),
  supported_parameters: z.array(z.string()).nullish(),
  x_aibroker: z
    .looseObject({
      kind: z.enum(MODEL_KINDS).optional().catch(undefined),
      tier: z.string().max(64).optional(),
      capabilities: z.array(z.string()).optional(),
      is_stand_in: z.boolean().optional(),
      hops: z.int().min(0).optional(),
      price: z.looseObject({ tiers: z.array(tierForm).optional() }).optional(),
    })
    .nullish(),
})
type Row = z.infer<typeof form>

/**
 * Adds the models of mothers to a catalog: to a model that is known here one more endpoint, any other model under the mother's
 * own name. Rows that can't be read are left out.
 */
export function withMothers(catalog: Catalog, listings: readonly MotherListing[]): Catalog {
  return listings.reduce(withMother, catalog)
}

function withMother(catalog: Catalog, listing: MotherListing): Catalog {
  const models = new Map(catalog.models)
  const endpoints = new Map(catalog.endpoints)
  for (const row of rowsOf(listing.list)) {
    const known = models.get(row.id)
    const endpoint = endpointFor(row, listing)
    if (endpoint === undefined || known?.endpoints.some(({ id }) => id === endpoint.id) === true) continue
    const model = known === undefined ? newModel(row, endpoint) : withEndpoint(known, endpoint)
    models.set(row.id, model)
    if (!endpoints.has(endpoint.id)) endpoints.set(endpoint.id, endpoint)
  }
  return Object.freeze({ version: catalog.version, models, endpoints })
}

function rowsOf(list: unknown): readonly Row[] {
  const rows = (list as { data?: unknown } | null | undefined)?.data
  if (!Array.isArray(rows)) return []
  return rows.flatMap((row: unknown) => {
    const parsed = form.safeParse(row)
    return parsed.success && parsed.data.x_aibroker?.is_stand_in !== true ? [parsed.data] : []
  })
}

function endpointFor(row: Row, { provider, priority }: MotherListing): Endpoint | undefined {
  const hops = (row.x_aibroker?.hops ?? 0) + 1
  if (hops > MAX_HOPS) return undefined
  return Object.freeze({
    id: `${provider}/${row.id}`,
    provider,
    modelId: row.id,
    model: row.id,
    priority,
    contextWindow: positive(row.top_provider?.context_length ?? row.context_length),
    maxOutputTokens: positive(row.top_provider?.max_completion_tokens),
    price: exactPrice(row.x_aibroker?.price) ?? listedPrice(row),
    hops,
    ...(row.supported_parameters === null || row.supported_parameters === undefined
      ? {}
      : { supportedParameters: row.supported_parameters }),
  })
}

/** Where its own endpoints have the same priority, they come first. */
function withEndpoint(model: Model, endpoint: Endpoint): Model {
  const endpoints = [...model.endpoints, endpoint].sort((a, b) => a.priority - b.priority)
  return Object.freeze({ ...model, endpoints: Object.freeze(endpoints) })
}

function newModel(row: Row, endpoint: Endpoint): Model {
  const { kind = kindFrom(row), tier = 'listed', capabilities = [] } = row.x_aibroker ?? {}
  return Object.freeze({
    id: row.id,
    displayName: row.name ?? row.id,
    kind,
    tier,
    capabilities,
    contextWindow: positive(row.context_length),
    maxOutputTokens: endpoint.maxOutputTokens,
    endpoints: Object.freeze([endpoint]),
  })
}

const KINDS: Readonly<Record<string, ModelKind>> = {
  embeddings: 'embedding',
  speech: 'speech',
  transcription: 'transcription',
  rerank: 'rerank',
}

function kindFrom({ architecture }: Row): ModelKind {
  const outputs = architecture?.output_modalities ?? []
  return outputs.flatMap((output) => KINDS[output] ?? [])[0] ?? 'chat'
}

function positive(value: number | null | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}

function listedPrice({ pricing }: Row): Price | undefined {
  return pricing === null || pricing === undefined ? undefined : priceOf(pricing, '')
}

/** Names of the amounts of a price, which travel as whole nano-dollars. */
const AMOUNTS = [
  'input',
  'output',
  'cachedInput',
  'cacheWrite',
  'reasoning',
  'audioInput',
  'audioOutput',
  'image',
  'perRequest',
  'perImage',
  'characters',
  'hours',
] as const

/** A price as one broker tells it to another: amounts in nano-dollars as text, so that both compute the same cost. */
export function priceToWire(price: Price | undefined): Record<string, unknown> | undefined {
  if (price === undefined) return undefined
  const { tiers, minimumSeconds } = price
  return {
    ...amountsOf(price),
    ...(minimumSeconds === undefined ? {} : { minimum_seconds: minimumSeconds }),
    ...(tiers === undefined
      ? {}
      : { tiers: tiers.map((tier) => ({ ...amountsOf(tier), above_input_tokens: tier.aboveInputTokens })) }),
  }
}

function amountsOf(price: Partial<Price>): Record<string, string> {
  return Object.fromEntries(
    AMOUNTS.flatMap((name) => (price[name] === undefined ? [] : [[name, String(price[name])]])),
  )
}

function exactPrice(wire: NonNullable<Row['x_aibroker']>['price']): Price | undefined {
  if (wire === undefined) return undefined
  const { tiers, minimum_seconds: seconds } = wire
  const price = readAmounts(wire)
  if (Object.keys(price).length === 0) return undefined
  return Object.freeze({
    ...price,
    ...(typeof seconds === 'number' ? { minimumSeconds: seconds } : {}),
    ...(tiers === undefined
      ? {}
      : {
          tiers: tiers.map((tier): PriceTier => ({
            ...readAmounts(tier),
            aboveInputTokens: tier.above_input_tokens,
          })),
        }),
    source: 'the list of the broker above',
    date: undefined,
  })
}

function readAmounts(wire: Readonly<Record<string, unknown>>): Omit<Partial<Price>, 'source' | 'date'> {
  return Object.fromEntries(
    AMOUNTS.flatMap((name) => {
      const parsed = nanoText.safeParse(wire[name])
      return parsed.success ? [[name, money(BigInt(parsed.data))]] : []
    }),
  )
}
